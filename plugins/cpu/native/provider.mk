# The plain level's vectors are wider than its registers, which gcc mentions where
# they are handed to a function; all of those are inlined.
COMMON_cpu_native := native.c linear-shared.c
CFLAGS_cpu_native := -Wno-psabi
