#!/usr/bin/env python3
"""Prints the headers in a folder of a library, one a line, wherever a compiler finds the library.

usage: headers_in.py HEADER FOLDER COMPILER..      for example: headers_in.py boost/pfr.hpp boost/pfr/detail g++
"""
import os
import subprocess
import sys

header, folder, compiler = sys.argv[1], sys.argv[2], sys.argv[3:]
found = subprocess.run([*compiler, "-std=c++20", "-E", "-x", "c++", "-M", "-"], input=f"#include <{header}>\n",
                       capture_output=True, text=True, check=True)
for word in found.stdout.replace("\\\n", " ").split():
    if word.endswith("/" + header):
        place = os.path.join(word[:-len(header) - 1], folder)
        break
else:
    sys.exit(f"{header} was not among what the compiler read")
print("\n".join(os.path.join(place, name) for name in sorted(os.listdir(place)) if name.endswith(".hpp")))
