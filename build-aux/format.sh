#!/bin/sh
# format.sh - runs clang-format on the C and CUDA sources
#
#   build-aux/format.sh [OPTION]...      -i: change them; --dry-run -Werror: check them
#
# .clang-format has the rules. Recorded numbers and examples are left as they are: the
# .clang-format files in their folders say so.
set -eu

cd "$(dirname "$0")/.."
find libcore formats tools plugins tests examples -name '*.[ch]' -o -name '*.cu' | sort |
	xargs "${CLANG_FORMAT:-clang-format}" "$@"
