"""Dockerfiles: what they mean to Python, and what is listed as not understood."""

import pytest

from lazulite.environments import dockerfile
from lazulite.errors import BadRequest


def read(tmp_path, text, **files):
    (tmp_path / "Dockerfile").write_text(text)
    for name, content in files.items():
        path = tmp_path / name.replace("__", "/").replace("_txt", ".txt").replace("_yml", ".yml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return dockerfile.read("Dockerfile", tmp_path)


def test_a_plain_file_is_read_whole(tmp_path):
    found = read(
        tmp_path,
        """
# syntax=docker/dockerfile:1
ARG TAG=latest
FROM mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:${TAG}
ENV MODE=fast NAME="two words" PATH=/opt/x/bin:$PATH
ENV OLD old style
ARG FLASK_VERSION=3.0.0
WORKDIR /app
COPY requirements.txt extra/ ./
RUN apt-get update && \\
    # a remark in between
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libgl1 git && rm -rf /var/lib/apt/lists/*
RUN --mount=type=cache,target=/var/cache/pip pip install --no-cache-dir -r requirements.txt "flask==$FLASK_VERSION" \\
 && python3 -m pip install 'numpy>=1.20'; /opt/conda/bin/pip3 install six
USER dockeruser
EXPOSE 5001
""",
        requirements_txt="requests>=2\n",
    )
    assert found.base == "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest"
    assert found.asked.requirements.lines == ("requests>=2", "flask==3.0.0", "numpy>=1.20", "six")
    assert found.asked.variables == {"MODE": "fast", "NAME": "two words", "OLD": "old style"}
    assert found.apt == ("libgl1", "git")
    assert found.asked.notes == () and not found.has_own_python


def test_the_shape_of_azures_own_environments_is_read(tmp_path):
    found = read(
        tmp_path,
        """FROM mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04
ENV CONDA_PREFIX=/azureml-envs/sklearn-1.5
COPY conda_dependencies.yml .
RUN conda env create -p $CONDA_PREFIX -f conda_dependencies.yml -q && \\
    rm conda_dependencies.yml && conda run -p $CONDA_PREFIX pip cache purge && conda clean -a -y
RUN conda run -p $CONDA_PREFIX pip install --no-cache-dir 'aiohttp>=3.14.0'
RUN conda install -n base -c conda-forge -y 'pandas~=1.5.3' cudnn
""",
        conda_dependencies_yml="dependencies: [python=3.10, numpy~=1.22.0]\nvariables: {A: b}\n",
    )
    assert found.has_own_python and found.asked.python == "==3.10.*"
    assert found.asked.requirements.lines == ("numpy~=1.22.0", "aiohttp>=3.14.0", "pandas~=1.5.3")
    assert found.asked.unavailable == ("cudnn",)
    assert found.asked.variables == {"A": "b"}


def test_files_are_found_where_they_were_copied_to(tmp_path):
    found = read(
        tmp_path,
        """FROM python:3.11
COPY deps/*.txt /tmp/
COPY . /src
RUN --mount=type=bind,source=deps/c.txt,target=/m/c.txt pip install -r /tmp/a.txt -r /src/deps/b.txt -c /m/c.txt
RUN ["pip", "install", "/src/deps"]
""",
        deps__a_txt="flask\n-r b.txt\n",
        deps__b_txt="six\n",
        deps__c_txt="six<2\n",
    )
    assert found.asked.requirements.lines == ("flask", "six")
    assert found.asked.requirements.constraints == ("six<2",)
    assert [package.path for package in found.asked.requirements.local] == ["deps"]


def test_a_version_that_the_shell_finds_is_any(tmp_path):
    run = "RUN export V=$(pip show six | cut -c9-) && pip install six==$V requests[socks]>=$V idna==3.7"
    found = read(tmp_path, f"FROM python:3.9\n{run}\n")
    assert found.asked.requirements.lines == ("six", "requests[socks]", "idna==3.7")
    assert any("of `six==$V` any version is taken" in note for note in found.asked.notes)


def test_an_entrypoint_may_be_taken_away(tmp_path):
    found = read(tmp_path, 'FROM python:3.9\nENTRYPOINT ["a"]\nENTRYPOINT []\nCMD ["b", "c"]\n')
    assert found.program.words == ("b", "c")


def test_stages_build_on_each_other(tmp_path):
    text = "FROM python:3.9 AS base\nRUN pip install six\nFROM node\nRUN npm ci\nFROM base\nRUN pip install flask\n"
    found = read(tmp_path, text)
    assert (found.base, found.asked.requirements.lines) == ("python:3.9", ("six", "flask"))


def test_heredocs_are_read_as_commands(tmp_path):
    found = read(tmp_path, "FROM python:3.9\nRUN <<EOF\npip install six\nmake install\nEOF\nENV A=1\n")
    assert found.asked.requirements.lines == ("six",)
    assert found.asked.variables == {"A": "1"}
    assert "make install" in found.asked.notes[0]


@pytest.mark.parametrize(
    "instruction",
    [
        "RUN curl -sSL https://example.org/install.sh | bash",
        "RUN make && make install",
        "RUN pip uninstall -y numpy",
        "COPY --from=builder /x /y",
        "ADD https://example.org/x.tgz /x",
        "ONBUILD RUN x",
        "FROBNICATE now",
    ],
)
def test_what_is_not_understood_is_listed_with_its_line(tmp_path, instruction):
    found = read(tmp_path, f"FROM python:3.9\n{instruction}\n")
    assert found.asked.notes and all(note.startswith("Dockerfile line 2: ") for note in found.asked.notes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RUN pip install six", "line 1: RUN comes before FROM"),
        ("# only a remark", "no FROM"),
        ("FROM a b", "line 1: FROM must be"),
        ("FROM python:3.9\nRUN pip install -r requirements.txt", 'line 2: "requirements.txt" is not among the files'),
        ("FROM python:3.9\nRUN pip install 'six", "line 2: the shell could not read"),
        ("FROM python:3.9\nRUN pip install six=1", 'line 2: "six=1" is not a requirement'),
        ("FROM python:3.9\nCOPY ../../etc /e\nRUN pip install -r /e/passwd", "line 3:"),
        ("FROM python:3.9\nENV 'A", "line 2: the words"),
        ("FROM python:3.9\nRUN [1]", "line 2: the list must hold"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(tmp_path, text, words):
    with pytest.raises(BadRequest) as caught:
        read(tmp_path, text)
    assert words in caught.value.message


def test_a_link_does_not_lead_out_of_the_context(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "context").mkdir()
    (tmp_path / "out" / "secret.txt").write_text("six\n")
    (tmp_path / "context" / "r.txt").symlink_to(tmp_path / "out" / "secret.txt")
    with pytest.raises(BadRequest, match="leads out of the files"):
        read(tmp_path / "context", "FROM python:3.9\nCOPY r.txt .\nRUN pip install -r r.txt\n")
    with pytest.raises(BadRequest, match="not a file of the build context"):
        dockerfile.read("../out/secret.txt", tmp_path / "context")


def test_what_starts_from_a_recipe_has_all_that_the_recipe_gives(tmp_path):
    base = tmp_path / "base"
    (base / "pkg").mkdir(parents=True)
    (base / "Dockerfile").write_text(
        "FROM python:3.11\nARG SECRET=1\nENV A=1\nWORKDIR /srv\nCOPY . .\nRUN pip install ./pkg flask\nCMD ['x']\n"
    )
    own = tmp_path / "own"
    own.mkdir()
    (own / "Dockerfile").write_text(
        "FROM mine.azurecr.io/base:1 AS first\nENV B=$A$SECRET\nFROM first\nRUN pip install six\nCOPY . extra\n"
    )
    recipes = {"mine.azurecr.io/base:1": dockerfile.Recipe(base, "Dockerfile", dockerfile.no_base)}
    found = dockerfile.read("Dockerfile", own, recipes.get)
    assert (found.base, found.asked.requirements.lines) == ("python:3.11", ("flask", "six"))
    assert [one.path for one in found.asked.requirements.local] == ["../base/pkg"]
    assert found.asked.variables == {"A": "1", "B": "1"}
    assert found.program.words == ("/bin/sh", "-c", "['x']")
    assert found.program.files == ((base, "/srv/."), (own, "/srv/extra"))
    assert dockerfile.bases("Dockerfile", own) == ("mine.azurecr.io/base:1",)
    assert dockerfile.read("Dockerfile", own).base == "mine.azurecr.io/base:1", "where nobody has the recipe"
