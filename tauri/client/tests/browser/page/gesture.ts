// A page that speaks as soon as it is opened, as its address says, and tells its console what happens.

import { Client, type Playback, Player } from "q3tts-client";

const { connection, voice, then } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const client = new Client(connection);
const player = new Player();

function play(text: string): Playback {
  const playback = player.play(client.speak({ voice_id: voice, text }));
  playback.on("state", (state) => {
    console.info(`q3: ${state} ${playback.waitingFor} ${playback.metrics.samplesPlayed}`);
  });
  return playback;
}

const playback = play("Now.");
if (then === "stop") {
  const off = playback.on("state", async () => {
    off();
    await playback.stop();
    await play(" ").done.catch((error) => console.info(`q3: ${error.code}`));
  });
}
