#!/usr/bin/env bash
# make_dist.sh STAGE DIR: turns what `meson install --destdir STAGE` made into a relocatable distribution, laid out as Flink's.
set -euo pipefail

stage=$1 target=$2
here=$(cd "$(dirname "$0")/.." && pwd -P)
home=$(find "$stage" -type d -path '*/lib/weir' -prune -print -quit)
[[ $home ]] || { echo "make_dist: nothing was installed in $stage" >&2; exit 1; }
prefix=${home%/lib/weir}

# Only what a distribution owns is replaced: a user's own files in conf, usrlib and log stay.
mkdir -p "$target"/{conf,usrlib,log}
rm -rf "$target"/{bin,lib,include,examples,docs}
mkdir -p "$target"/{lib,include,examples}
cp -a "$home/bin" "$target/bin"
find "$prefix"/lib* -name 'libweir*.so*' -exec cp -a {} "$target/lib/" \;
mkdir -p "$target/lib/pkgconfig"
[[ -e $target/lib/libweir.so ]] || { echo "make_dist: no libweir.so was installed in $prefix/lib*" >&2; exit 1; }
# A distribution's libraries lie in lib itself, wherever the package has them.
find "$prefix"/lib* -name 'weir*.pc' -exec sed -i 's|^prefix=.*|prefix=${pcfiledir}/../..|' {} \; -exec cp -a {} "$target/lib/pkgconfig/" \;
[[ ! -d $prefix/include/weir ]] || cp -a "$prefix/include/weir" "$target/include/"
[[ ! -d $home/examples ]] || cp -a "$home/examples/." "$target/examples/"
for file in "$here"/conf/*; do
  [[ -e $target/conf/$(basename "$file") || $(basename "$file") == meson.build ]] || cp "$file" "$target/conf/"
done
cp "$here/LICENSE" "$here/README.md" "$target/"
cp -r "$here/docs" "$target/docs"
