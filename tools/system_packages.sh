#!/bin/sh
# The system packages that a napari window needs on a virtual screen.
# On Debian as root: installs what is missing. Elsewhere: says what to install.
set -eu

case $(uname -s) in
Linux) ;;
*) exit 0 ;; # macOS and Windows have a screen of their own
esac

# command or library -> Debian package
needed="
xvfb-run=xvfb
xauth=xauth
libGL.so.1=libgl1
libgl1-mesa-dri=libgl1-mesa-dri
libEGL.so.1=libegl1
libdbus-1.so.3=libdbus-1-3
libfontconfig.so.1=libfontconfig1
libgssapi_krb5.so.2=libgssapi-krb5-2
libglib-2.0.so.0=libglib2.0-0
libxkbcommon-x11.so.0=libxkbcommon-x11-0
libxcb-cursor.so.0=libxcb-cursor0
libxcb-icccm.so.4=libxcb-icccm4
libxcb-image.so.0=libxcb-image0
libxcb-keysyms.so.1=libxcb-keysyms1
libxcb-randr.so.0=libxcb-randr0
libxcb-render-util.so.0=libxcb-render-util0
libxcb-shape.so.0=libxcb-shape0
"
PATH=$PATH:/sbin:/usr/sbin
libraries=$(ldconfig -p 2>/dev/null || true)

present() {
    case $1 in
    # Mesa's drivers are loaded by name and lie elsewhere in each release.
    libgl1-mesa-dri) [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
    *.so*) case $libraries in *"$1 "*) return 0 ;; *) return 1 ;; esac ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

missing=
for entry in $needed; do
    if ! present "${entry%%=*}"; then
        missing="$missing ${entry#*=}"
    fi
done
if [ -z "$missing" ]; then
    exit 0
fi

if command -v apt-get >/dev/null; then
    if [ "$(id -u)" = 0 ]; then
        echo "Installing for the virtual screen:$missing"
        apt-get update -qq </dev/null
        # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
            $missing </dev/null >/dev/null
        exit 0
    fi
    echo "The tests open a napari window on a virtual screen. First run:" >&2
    echo "  sudo apt-get install$missing" >&2
    exit 1
fi
# Other distributions name these packages differently, and may build Mesa
# without the file looked for: only what the tests cannot start without stops.
if ! command -v xvfb-run >/dev/null || ! command -v xauth >/dev/null; then
    echo "The tests open a napari window on a virtual screen. Install xvfb-run, xauth, a" >&2
    echo "software OpenGL (Mesa) and Qt's X11 libraries; on Fedora and its kin:" >&2
    echo "  sudo dnf install xorg-x11-server-Xvfb xorg-x11-xauth mesa-dri-drivers \\" >&2
    echo "    mesa-libGL mesa-libEGL libxkbcommon-x11 xcb-util-cursor xcb-util-image \\" >&2
    echo "    xcb-util-keysyms xcb-util-renderutil xcb-util-wm" >&2
    exit 1
fi
