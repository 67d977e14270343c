FROM mcr.microsoft.com/azureml/minimal-py311-inference:latest
COPY requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir -r /tmp/requirements.txt onnxruntime
ENV OMP_NUM_THREADS=1
