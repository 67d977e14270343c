# What the other scripts share: edit it to use your own workspace and names. Variables that are set already win.
export AZURE_SUBSCRIPTION_ID=${AZURE_SUBSCRIPTION_ID:-00000000-0000-0000-0000-000000000000}
resource_group=${RESOURCE_GROUP:-my-resource-group}
workspace=${WORKSPACE:-my-workspace}
registry=${REGISTRY:-parts-registry}
location=eastus
compute=parts-cluster
endpoint=${ENDPOINT:-parts-$RANDOM}
num_epochs=${NUM_EPOCHS:-10}

# The command line keeps pipelines made of pipeline components behind this switch.
export AZURE_ML_CLI_PRIVATE_FEATURES_ENABLED=true

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Prints a copy of a YAML file, beside it, that has the names above in place of the words in capitals.
fill() {
    local filled
    filled="$(dirname "$1")/.filled-$(basename "$1")"
    sed -e "s/REGISTRY_NAME/$registry/g" -e "s/COMPUTE_NAME/$compute/g" -e "s/ENDPOINT_NAME/$endpoint/g" \
        -e "s/NUM_EPOCHS/$num_epochs/g" -e "s/MODEL_VERSION/${model_version:-1}/g" "$1" > "$filled"
    echo "$filled"
}
