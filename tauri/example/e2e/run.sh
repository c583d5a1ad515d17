#!/usr/bin/env bash
# Runs the tests of the real window: builds the app, then gives it a screen, a session bus and a sound server of its
# own. What it is given is handed on to vitest.
#
#   E2E_ENGINE=path   take this engine instead of the one that was bundled into dist/qwen-tts
#   E2E_DEB=path      test the bundling too, with this package of the app
#   E2E_BUILD=no      take the app as it was built before
set -euo pipefail
cd "$(dirname "$0")/.."
tauri=$(cd .. && pwd)

for tool in WebKitWebDriver Xvfb xvfb-run dbus-run-session pulseaudio pactl; do
  command -v "$tool" >/dev/null || {
    echo "$tool is missing: apt install webkit2gtk-driver xvfb xauth dbus-x11 pulseaudio pulseaudio-utils" >&2
    exit 1
  }
done

if [ -z "${E2E_ENGINE:-}" ] && [ ! -x "$tauri/../dist/qwen-tts/qwen-tts" ]; then
  echo "There is no engine: run \`python bundle.py\` first, or name one in E2E_ENGINE." >&2
  exit 1
fi

if [ "${E2E_BUILD:-yes}" != no ]; then
  npm run build --workspace q3tts-client --prefix "$tauri"
  npm run build --workspace tauri-plugin-qwen-tts-api --prefix "$tauri"
  npm run build
  (cd "$tauri" && cargo build -p q3tts-example --features custom-protocol)
fi

folder=$(mktemp -d)
pulse=
finish() {
  if [ -n "$pulse" ]; then
    kill "$pulse" 2>/dev/null || true
    wait "$pulse" 2>/dev/null || true
  fi
  rm -rf "$folder"
}
trap finish EXIT

# The loudspeakers keep the time of a real device and write what they play into a pipe; the microphone reads another.
export E2E_SOUND=$folder XDG_RUNTIME_DIR=$folder PULSE_RUNTIME_PATH=$folder PULSE_SERVER=unix:$folder/native
form="rate=24000 format=s16le channels=1"
HOME=$folder pulseaudio -n --daemonize=no --exit-idle-time=-1 --use-pid-file=no --disable-shm=yes \
  --log-level=error --realtime=no --high-priority=no \
  --load="module-pipe-sink sink_name=speakers use_system_clock_for_timing=yes $form file=$folder/speakers" \
  --load="module-pipe-source source_name=microphone $form file=$folder/microphone" \
  --load="module-native-protocol-unix auth-anonymous=1 socket=$folder/native" &
pulse=$!
for _ in $(seq 100); do
  if HOME=$folder pactl info >/dev/null 2>&1; then break; fi
  kill -0 "$pulse"
  sleep 0.1
done

# Without a GPU WebKit draws only when it is told not to use one; without the switch it waits for a bus of accessibility.
export NO_AT_BRIDGE=1 WEBKIT_DISABLE_DMABUF_RENDERER=1 WEBKIT_DISABLE_COMPOSITING_MODE=1 LIBGL_ALWAYS_SOFTWARE=1
export TZ=UTC LANG=C.UTF-8
dbus-run-session -- xvfb-run -a -s "-screen 0 1400x1000x24" \
  "$tauri/node_modules/.bin/vitest" run --config e2e/vitest.config.ts "$@"
