#!/usr/bin/env python3
"""check.py CASE COMPILER...: compiles CASE, which must fail with exactly one error line, holding the sentence behind
`// expected: `. The mistake must be all that is wrong with it: with -DRIGHT it compiles.

What stands behind `// context: ` must be in the compiler's lines around it, which are short: a mistake does not cascade.

A file may hold several mistakes: `// expected NAME: sentence` is what it says when compiled with -DNAME."""
import re
import subprocess
import sys

case, command = sys.argv[1], sys.argv[2:]
with open(case, encoding='utf-8') as source:
    text = source.read()
mistakes = re.findall(r'^// expected(?: (\w+))?: (.*)$', text, re.M)
contexts = re.findall(r'^// context: (.*)$', text, re.M)
LINES_MAX = 60  # of all that the compiler says about one mistake


def compile_case(*options):
    return subprocess.run([*command, '-fsyntax-only', '-fdiagnostics-color=never', *options, case], capture_output=True, text=True,
                          timeout=120)


if not mistakes:
    sys.exit(f'{case}: has no line `// expected: `')
failed = False
for name, expected in mistakes:
    wrong = compile_case(*([f'-D{name}'] if name else []))
    errors = [line for line in wrong.stderr.splitlines() if ' error: ' in line]
    if wrong.returncode == 0:
        print(f'{case} {name}: compiled, although it is wrong')
        failed = True
    elif len(errors) != 1 or expected not in errors[0]:
        print(f'{case} {name}: expected one error, "{expected}", got {len(errors)}:', *errors[:10], sep='\n')
        failed = True
    lines = wrong.stderr.splitlines()
    missing = [context for context in contexts if context not in wrong.stderr]
    if missing or len(lines) > LINES_MAX:
        print(f'{case} {name}: {len(lines)} lines, at most {LINES_MAX}; missing in them: {missing}')
        failed = True
right = compile_case('-DRIGHT')
if right.returncode != 0:
    sys.exit(f'{case}: does not compile when it is right:\n{right.stderr[:2000]}')
sys.exit(1 if failed else 0)
