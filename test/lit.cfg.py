import ctypes
import os
import lit.formats

config.name = "gnc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".net", ".mlir", ".test"]
config.excludes = ["Inputs", "programs", "unit", "system", "lint", "bench"]
config.test_source_root = os.path.dirname(__file__)
root = os.path.dirname(config.test_source_root)
build = lit_config.params.get("build", os.path.join(root, "build"))
config.test_exec_root = os.path.join(build, "lit")
# Tests are of the compiler, not of what it said some time ago.
config.environment["GNC_CACHE"] = "off"
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(build, "bin"), "/usr/lib/llvm-22/bin", config.environment.get("PATH", os.environ["PATH"])])
# The toolkit is where the compiler looks for it; kernels with functions such as exp need its libdevice.
for name in ("CUDA_HOME", "CUDA_PATH"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
toolkits = [os.environ[name] for name in ("CUDA_HOME", "CUDA_PATH") if name in os.environ] or ["/usr/local/cuda"]
if any(os.path.exists(os.path.join(home, "nvvm/libdevice/libdevice.10.bc")) for home in toolkits):
    config.available_features.add("cuda-toolkit")
config.substitutions.append(("%examples", os.path.join(root, "examples")))
config.substitutions.append(("%exits", os.path.join(config.test_source_root, "exits")))
config.substitutions.append(("%make-idx", os.path.join(config.test_source_root, "runtime", "Inputs", "make-idx")))
config.substitutions.append(("%make-data", os.path.join(config.test_source_root, "runtime", "Inputs", "make-data")))
config.substitutions.append(("%json", os.path.join(config.test_source_root, "tools", "Inputs", "show-json")))
config.substitutions.append(("%gnc", os.path.join(build, "bin", "gnc")))
config.substitutions.append(("%emulator", os.path.join(build, "lib", "libgnc_cuda_emulator.so")))
cudnn = [os.path.join(home, sub, "libcudnn.so.9") for home in toolkits for sub in ("lib64", "lib")]
if any(os.path.exists(file) for file in cudnn):
    config.available_features.add("cudnn")
try:
    ctypes.CDLL("libcuda.so.1")
except OSError:
    config.available_features.add("no-cuda-driver")
