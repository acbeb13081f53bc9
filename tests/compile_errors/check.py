#!/usr/bin/env python3
"""check.py CASE COMPILER...: compiles CASE, which must fail with exactly one error line, holding the sentence behind `// expected: `; the line
behind `// not: ` that makes it right must be all that is wrong with it: with -DRIGHT it compiles."""
import re
import subprocess
import sys

case, command = sys.argv[1], sys.argv[2:]
expected = re.search(r'^// expected: (.*)$', open(case, encoding='utf-8').read(), re.M).group(1)


def compile_case(*options):
    return subprocess.run([*command, '-fsyntax-only', '-fdiagnostics-color=never', *options, case], capture_output=True, text=True, timeout=120)


wrong = compile_case()
errors = [line for line in wrong.stderr.splitlines() if ' error: ' in line]
if wrong.returncode == 0:
    sys.exit(f'{case}: compiled, although it is wrong')
if len(errors) != 1 or expected not in errors[0]:
    sys.exit(f'{case}: expected one error, "{expected}", got {len(errors)}:\n' + '\n'.join(errors[:10]))
right = compile_case('-DRIGHT')
if right.returncode != 0:
    sys.exit(f'{case}: does not compile when it is right:\n{right.stderr[:2000]}')
