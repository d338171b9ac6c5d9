# How uv and pip are told where packages come from and whom to trust; read by the other scripts.
export PIP_CERT="$CA" SSL_CERT_FILE="$CA" PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_CACHE_DIR=1
export UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 UV_CACHE_DIR=/tmp/uv
# What uv of this machine already has, if the builder was told; every file of it is still held against its hash.
[ ! -d /tmp/machine-uv ] || export UV_CACHE_DIR=/tmp/machine-uv
[ -z "$INDEX" ] || export PIP_INDEX_URL="$INDEX" UV_DEFAULT_INDEX="$INDEX"
