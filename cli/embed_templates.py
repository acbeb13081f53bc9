#!/usr/bin/env python3
"""Writes the files of a job template as C++ string constants.

usage: embed_templates.py OUT.cc NAME=FILE..
"""
import sys

DELIMITER = "weir_template"


def main(target, pairs):
    with open(target, "w", encoding="utf-8") as out:
        out.write('#include "cli/job_template.h"\n\nnamespace weir::cli {\n\nconst std::vector<TemplateFile>& job_template() {\n')
        out.write("  static const std::vector<TemplateFile> files = {\n")
        for pair in pairs:
            name, _, path = pair.partition("=")
            with open(path, encoding="utf-8") as file:
                text = file.read()
            if f"){DELIMITER}" in text:
                sys.exit(f"{path} holds the delimiter of the constant")
            out.write(f'      {{"{name}", R"{DELIMITER}({text}){DELIMITER}"}},\n')
        out.write("  };\n  return files;\n}\n\n}  // namespace weir::cli\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
