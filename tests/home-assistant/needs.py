"""What the installed Home Assistant would fetch from PyPI at its start, for MQTT and its pages."""
import ast
import json
import pathlib

import homeassistant

HOME = pathlib.Path(homeassistant.__file__).parent
SETS = {"CORE_INTEGRATIONS", "DEFAULT_INTEGRATIONS", "FRONTEND_INTEGRATIONS"}
# The form that sets MQTT up imports what the second needs; the third is looked for by the web server.
WANTED = {"mqtt", "hassio", "isal"}
# For assistants that listen; built from source here, and never asked for.
UNUSED = ("pymicro-vad", "pyspeex-noise")


def started():
    """Integrations that are always set up."""
    for node in ast.parse((HOME / "bootstrap.py").read_text()).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id in SETS:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                    yield inner.value


def main():
    waiting, seen, needs = WANTED | set(started()), set(), set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        manifest = HOME / "components" / name / "manifest.json"
        if manifest.exists():
            said = json.loads(manifest.read_text())
            needs.update(said.get("requirements", []))
            waiting.update(set(said.get("dependencies", [])) - seen)
    print("\n".join(sorted(need for need in needs if not need.startswith(UNUSED))))


main()
