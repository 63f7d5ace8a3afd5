#!/bin/bash
# fresh.sh - the README's two commands on a Debian that has nothing else
#
#   tests/fresh.sh [-k] [-w] bookworm|trixie [COMMAND...]
#
# Makes a minimal Debian (debootstrap; needs root), copies a clean clone of HEAD
# into it and runs `make demo` and `make test` there as root, as a newcomer
# would; a COMMAND (one line each) is run instead of these. -w takes the work
# tree as it is, -k keeps the folder. It uses the mirrors, the apt settings and
# the certificates of this machine. What is downloaded is kept in $FRESH_CACHE
# (/var/cache/cnntools-fresh), logs in build/fresh/.
set -euo pipefail

usage() {
	sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

die() {
	echo "fresh.sh: $*" >&2
	exit 1
}

keep='' worktree='' args=("$@")
while getopts kw option; do
	case $option in
	k) keep=yes ;;
	w) worktree=yes ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || usage
suite=$1
shift
case $suite in
bookworm | trixie) ;;
*) usage ;;
esac
commands=("$@")
[ $# -gt 0 ] || commands=('make demo' 'make test')

[ "$(id -u)" = 0 ] || die "needs root: it makes a chroot"
command -v debootstrap > /dev/null || die "no debootstrap: apt-get install debootstrap"
# What it mounts goes away with it.
[ "${FRESH_INSIDE-}" ] || FRESH_INSIDE=1 exec unshare --mount -- "$0" "${args[@]}"

tree=$(cd "$(dirname "$0")/.." && pwd)
cache=${FRESH_CACHE:-/var/cache/cnntools-fresh}
log=$tree/build/fresh/$suite.log
mkdir -p "$cache/$suite" "$(dirname "$log")"

# repository WHAT: where this machine's apt gets Debian, or Debian-Security
repository() {
	apt-get indextargets --format '$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F'|' -v label="$1" '$1 == label { print $2; exit }'
}

# --- the minimal Debian -----------------------------------------------------------

mirror=$(repository Debian)
[ "$mirror" ] || die "apt knows no mirror of Debian"
security=$(repository Debian-Security)
base=$cache/$suite.tar

if [ -z "$(find "$base" -mtime -14 2> /dev/null)" ]; then
	echo "# debootstrap $suite from $mirror"
	rm -rf "$cache/$suite.root"
	debootstrap --variant=minbase --include=make --cache-dir="$cache/$suite" \
		"$suite" "$cache/$suite.root" "$mirror" > "$log" 2>&1 ||
		die "debootstrap failed: $log"
	tar -C "$cache/$suite.root" -cf "$base.part" .
	mv "$base.part" "$base"
	rm -rf "$cache/$suite.root"
fi

root=$(mktemp -d "${TMPDIR:-/tmp}/cnntools-$suite-XXXXXX")
archives=$root/var/cache/apt/archives
close() {
	find "$archives" -maxdepth 1 -name '*.deb' -exec cp -n {} "$cache/$suite/" \; || :
	[ "$keep" ] && echo "# kept: $root" && return
	umount "$root/dev/shm" "$root/dev/pts" "$root/proc" && rm -rf --one-file-system "$root"
}
trap close EXIT
chmod 755 "$root"
tar -C "$root" -xf "$base"
mount -t proc proc "$root/proc"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -sf pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"

{
	echo "deb $mirror $suite main"
	echo "deb $mirror $suite-updates main"
	[ -z "$security" ] || echo "deb $security $suite-security main"
} > "$root/etc/apt/sources.list"
apt-config dump | grep -E '^Acquire::(Check-|Retries|https?::(Proxy|Timeout))' \
	> "$root/etc/apt/apt.conf.d/90host" || :
echo 'Binary::apt::APT::Keep-Downloaded-Packages "true";' \
	> "$root/etc/apt/apt.conf.d/91keep"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
printf '127.0.0.1 localhost %s\n::1 localhost\n' "$(hostname)" > "$root/etc/hosts"
mkdir -p "$root/usr/local/share/ca-certificates"
find /usr/local/share/ca-certificates -name '*.crt' \
	-exec cp {} "$root/usr/local/share/ca-certificates/" \;
find "$cache/$suite" -maxdepth 1 -name '*.deb' -exec cp {} "$archives/" \;

if [ "$worktree" ]; then
	mkdir "$root/root/cnntools"
	(cd "$tree" && git ls-files -zco --exclude-standard | xargs -0 ls -d 2> /dev/null |
		tar -cf - -T -) | tar -C "$root/root/cnntools" -xf -
else
	git clone -q "file://$tree" "$root/root/cnntools"
fi

# --- the two commands --------------------------------------------------------------

# inside LINE: as the newcomer would type it
inside() {
	env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		LANG=C.UTF-8 TERM=xterm \
		${http_proxy+"http_proxy=$http_proxy"} ${https_proxy+"https_proxy=$https_proxy"} \
		chroot "$root" /bin/sh -c "cd /root/cnntools && $1" < /dev/null 2>&1
}

failed=0
: > "$log"
for line in "${commands[@]}"; do
	echo "# $suite: $line" | tee -a "$log"
	start=$SECONDS status=0
	inside "$line" | tee -a "$log" || status=$?
	case $line in
	'make demo') want='^Accuracy of the network on the 10000 test images: ' ;;
	'make test') want='^[0-9]* passed, 0 failed, [0-9]* skipped' ;;
	*) want='' ;;
	esac
	if [ "$status" = 0 ] && ! grep -q "$want" "$log"; then
		echo "# no line like $want"
		status=1
	fi
	echo "# $suite: $line: exit $status after $((SECONDS - start)) s" | tee -a "$log"
	[ "$status" = 0 ] || failed=1
done
exit $failed
