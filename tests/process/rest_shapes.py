"""Compares answers of the REST API with their shapes, as tests/contract/rest_1_20.shapes lists them; its head explains the format."""
import os
import re

from weir_cluster import TOP

ADDITIONS = {"weir-version", "warnings"}  # what Weir adds to Flink's answers


class Shapes:
    def __init__(self):
        self.status, self.vocabularies, self._fields = {}, {}, {}
        route = None
        with open(os.path.join(TOP, "tests/contract/rest_1_20.shapes"), encoding="utf-8") as lines:
            for line in filter(None, (line.rstrip("\n") for line in lines)):
                if line.startswith("#"):
                    continue
                if vocabulary := re.fullmatch(r"(\w+) = (.*)", line):
                    self.vocabularies[vocabulary[1]] = set(vocabulary[2].split())
                elif begin := re.fullmatch(r"\[([^\]]+)\]( (\d+))?", line):
                    route = begin[1]
                    self.status[route] = int(begin[3] or 0)
                    self._fields[route] = {}
                else:
                    path, types = line.rsplit(" ", 1)
                    self._fields[route]["" if path == "." else path.rstrip("?")] = (path.endswith("?"), set(types.split("|")))

    def is_text(self, route):
        return "text" in self._fields[route][""][1]

    def differences(self, route, answer):
        """One line per field that is missing, too much, or of another type."""
        found = []
        self._compare(self._fields[route], "", answer, found)
        return found

    def _compare(self, fields, path, value, found):
        if path not in fields:
            found.append(f"{path} is not Flink's")
            return
        if not any(self._fits(kind, value) for kind in fields[path][1]):
            found.append(f"{path} is {value!r:.60}, not {'|'.join(fields[path][1])}")
        if isinstance(value, list):
            for element in value:
                self._compare(fields, path + "[]", element, found)
        elif isinstance(value, dict):
            prefix = path + "." if path else ""
            names = {known[len(prefix):]: optional for known, (optional, _) in fields.items() if known.startswith(prefix) and known != path}
            names = {name: optional for name, optional in names.items() if not re.search(r"[.\[]", name)}
            if not names:
                return  # a map, or empty
            found.extend(f"{prefix}{name} is missing" for name, optional in names.items() if not optional and name not in value)
            for name in value.keys() - ADDITIONS:
                self._compare(fields, prefix + name, value[name], found)

    def _fits(self, kind, value):
        if isinstance(value, str):
            return (kind == "string" or (kind == "hex32" and re.fullmatch("[0-9a-f]{32}", value) is not None)
                    or value in self.vocabularies.get(kind, ()))
        kinds = {type(None): "null", bool: "bool", int: "int", float: "float", list: "array", dict: "object"}
        return kind == kinds[type(value)]
