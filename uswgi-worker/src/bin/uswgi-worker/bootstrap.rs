//! The few lines of Python that run before the module is loaded: they refuse interpreters that the
//! module cannot work in, by name, and load it by its path. They must not import anything of the
//! application, and must not need anything that an old or odd Python lacks.

/// Given to the interpreter with `-c`. Exit code 23 is `Exit::NoInterpreter`.
pub(crate) const TEXT: &str = r#"
import sys
def refuse(why):
    import os
    text = "cannot use the interpreter %s: %s" % (sys.executable, why)
    sys.stderr.write("uswgi-worker: %s\n" % text)
    sys.stderr.flush()
    try:
        import json
        message = json.dumps({"type": "no-interpreter", "message": text})
        os.write(int(os.environ["USWGI_CONTROL_FD"]), message.encode("ascii"))
    except Exception:
        pass
    os._exit(23)
name = getattr(getattr(sys, "implementation", None), "name", "python2")
if name != "cpython":
    refuse("it is %s, uswgi needs CPython 3.9 or later" % name)
if sys.version_info < (3, 9):
    refuse("it is Python %d.%d, uswgi needs CPython 3.9 or later" % sys.version_info[:2])
if "t" in getattr(sys, "abiflags", ""):
    refuse("it is a free-threaded build, which uswgi does not support yet; use the standard build")
import os
path = os.environ.pop("USWGI_MODULE_PATH", "")
try:
    from importlib.machinery import ExtensionFileLoader
    from importlib.util import module_from_spec, spec_from_file_location
    spec = spec_from_file_location("uswgi_worker", path, loader=ExtensionFileLoader("uswgi_worker", path))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
except ImportError as e:
    refuse("the module %s does not load: %s" % (path, e))
sys.modules["uswgi_worker"] = module
sys.argv[:] = ["uwsgi"]
del refuse, name, path, spec, ExtensionFileLoader, module_from_spec, spec_from_file_location, os
status = module.main()
sys.exit(status)
"#;
