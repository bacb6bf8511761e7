#!/usr/bin/env bash
# package.sh BUILD_FOLDER TARGET_FOLDER: packs the programs, the modules that they open and the libraries that Debian 12 does not have.
# Called by ./dev package. In the archive as in the build folder, bin/ finds its libraries in ../lib.
set -euo pipefail
build=$1 target=$2
version=$(sed -n 's/^CMAKE_PROJECT_VERSION:[A-Z]*=//p' "$build/CMakeCache.txt")
name=amaes-$version-linux-$(uname -m)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/$name/bin" "$work/$name/lib" "$target"

programs=()
for program in amaes amaes-worker; do
  [[ -x $build/bin/$program ]] || { echo "package: $build/bin/$program is not built" >&2 && exit 1; }
  programs+=("$build/bin/$program")
done
mapfile -t modules < <(find "$build/lib" -maxdepth 1 -name '*.so*' -type f 2>/dev/null)
cp "${programs[@]}" "$work/$name/bin/"
((${#modules[@]} == 0)) || cp "${modules[@]}" "$work/$name/lib/"

# Libraries from .venv are packed. Those of Debian are named by package in DEPENDS. What is neither (a CUDA toolkit beside Debian) is packed,
# unless .venv has brought the same library.
needed=$(ldd "${programs[@]}" ${modules[@]+"${modules[@]}"} | sed -n 's/.* => \(\/[^ ]*\) (0x.*/\1/p' | sort -u)
grep -F /site-packages/ <<<"$needed" | xargs -r cp -t "$work/$name/lib/"
owner() { # of a file; some packages name /lib, where /usr/lib is meant
  local file
  file=$(realpath "$1")
  { dpkg-query -S "$file" || dpkg-query -S "${file#/usr}"; } 2>/dev/null | cut -d: -f1
}
while read -r library; do
  package=$(owner "$library") || package=
  if [[ $package ]]; then
    echo "$package"
  elif [[ ! -e $work/$name/lib/${library##*/} ]]; then
    cp -L "$library" "$work/$name/lib/"
  fi
done < <(grep -vF /site-packages/ <<<"$needed") | sort -u >"$work/$name/DEPENDS"
cp LICENSE README.md "$work/$name/" 2>/dev/null || cp LICENSE "$work/$name/"

strip --strip-unneeded "$work/$name"/bin/* "$work/$name"/lib/libamaes*.so 2>/dev/null || true
# Own files hold the build folder's paths; CMake can shorten them.
cat >"$work/rpath.cmake" <<'CMAKE'
file(GLOB programs "${ROOT}/bin/*")
foreach(program IN LISTS programs)
  file(RPATH_SET FILE "${program}" NEW_RPATH "$ORIGIN/../lib")
endforeach()
file(GLOB modules "${ROOT}/lib/libamaes*.so*")
foreach(module IN LISTS modules)
  file(RPATH_SET FILE "${module}" NEW_RPATH "$ORIGIN")
endforeach()
CMAKE
cmake -DROOT="$work/$name" -P "$work/rpath.cmake" >/dev/null
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner -czf "$target/$name.tar.gz" "$name"
echo "package: $target/$name.tar.gz, $(du -h "$target/$name.tar.gz" | cut -f1), needs $(wc -l <"$work/$name/DEPENDS") Debian packages (DEPENDS)"
