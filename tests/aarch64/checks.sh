# What is run on the emulated machine.
cd /opt/project || exit 1
export PYTHONDONTWRITEBYTECODE=1 HOME=/root OPENBLAS_NUM_THREADS=1
echo "MACHINE $(uname -srm), $(python3 --version), Landlock $(python3 -c '
from pye2_node.sandbox.layers.landlock import landlock_version
try: print("version", landlock_version())
except OSError as error: print(error)')"
run() { echo "CHECK $1"; shift; "$@"; echo "CHECK ENDED WITH $?"; }
run import python3 -c 'import importlib, pkgutil
for name in ("attrs", "cattrs", "click", "coincurve", "cryptography", "msgpack", "nats", "numpy", "packaging",
             "paho.mqtt", "pika", "PIL", "pluggy", "psutil", "dotenv", "rich", "tomli_w"):
    importlib.import_module(name)
count = 0
for package in ("pye2core", "pye2_wire", "pye2_native_wire", "pye2_node", "pye2_mqtt", "pye2_amqp",
                "pye2_nats", "pye2_custom_code", "pye2_chain_job", "pye2_broker", "pye2_cli",
                "pye2_collect", "pye2_primes", "PyE2"):
    found = importlib.import_module(package)
    for module in pkgutil.walk_packages(found.__path__, f"{package}."):
        if ".templates" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
            count += 1
print(count, "modules")'
run "doctor as root" python3 -m pye2_node doctor
mkdir -m 700 /home/user && chown 1000:1000 /home/user
run "doctor as a user" env HOME=/home/user setpriv --reuid 1000 --regid 1000 --clear-groups python3 -m pye2_node doctor
T="python3 -m pytest -q --color=no -p no:cacheprovider -o addopts= --import-mode=importlib -o timeout=0 -W ignore"
run filter $T pye2_plugins/node/tests/test_node_sandbox_filter.py
run layers $T pye2_plugins/node/tests/test_node_sandbox_layers.py \
    pye2_plugins/node/tests/test_node_sandbox_numbers.py
run vectors python3 -m pye2_cli wire vectors check tests/data/vectors
run "native wire" $T pye2_plugins/native_wire/tests/test_native_v*.py \
    pye2_plugins/native_wire/tests/test_native_hostile.py -k "not bit and not byte"
# A client, a broker, a node as root with all its layers, and a result, in our own dialect.
run "two peers" $T tests/wire/test_native_peers.py -k "mosquitto and our_own_dialect"
run sandbox $T pye2_plugins/node/tests/test_node_sandbox_plugin.py \
    pye2_plugins/node/tests/test_node_sandbox_functions.py \
    pye2_plugins/node/tests/test_node_sandbox_process.py
