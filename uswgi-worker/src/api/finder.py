# Runs once, with SOURCE: lets `import uwsgidecorators` give the module that is part of uswgi.
def install(source):
    import sys
    from importlib.machinery import ModuleSpec, PathFinder

    class Loader:
        """Loads uwsgidecorators from the source inside uswgi."""

        def create_module(self, spec):
            return None

        def exec_module(self, module):
            exec(compile(source, "<uswgi>/uwsgidecorators.py", "exec"), module.__dict__)

        def get_source(self, name):
            return source

    class Finder:
        """Knows one name."""

        def find_spec(self, name, path=None, target=None):
            if name != "uwsgidecorators":
                return None
            return ModuleSpec(name, Loader(), origin="uswgi")

    finders = sys.meta_path
    at = finders.index(PathFinder) if PathFinder in finders else len(finders)
    finders.insert(at, Finder())


install(SOURCE)
