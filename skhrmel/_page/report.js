"use strict";
// Every version of an excerpt plays all the time, and all but one are silent: so a
// switch goes to the same position of the other, and is only a change of volume.
const FADE_SECONDS = 0.012;

class Player {
  static context = null;
  static playing = null;
  static latest = null;

  constructor(section) {
    this.section = section;
    this.find = (selector) => section.querySelector(selector);
    this.audios = [...section.querySelectorAll("audio")];
    this.choices = [...section.querySelectorAll("input[type=radio]")];
    this.pictures = [...section.querySelectorAll(".picture")];
    this.rows = [...section.querySelectorAll("tbody tr")];
    this.duration = Number(section.dataset.seconds);
    this.position = 0;
    this.heard = 0;
    this.buffers = null;
    this.sources = [];
    this.find(".play").addEventListener("click", () => this.toggle());
    this.find(".seek").addEventListener("input", (event) => this.seek(Number(event.target.value)));
    this.find(".loop").addEventListener("change", () => this.restart());
    this.find(".hide").addEventListener("change", (event) => this.hide(event.target.checked));
    this.choices.forEach((choice, k) => choice.addEventListener("change", () => this.hear(this.order[k])));
    section.addEventListener("keydown", (event) => this.key(event));
    this.hide(false);
    this.show();
  }

  get now() {
    if (!this.sources.length) return this.position;
    const passed = Math.max(0, Player.context.currentTime - this.startedAt);
    const at = this.position + passed;
    return this.find(".loop").checked ? at % this.duration : Math.min(at, this.duration);
  }

  async toggle() {
    Player.latest = this;
    if (this.sources.length) return this.stop();
    const button = this.find(".play");
    button.disabled = true;
    try {
      await this.load();
      this.start();
    } catch (error) {
      this.fail(error);
    } finally {
      button.disabled = false;
      // A button that is disabled loses the focus, and with it the keys.
      button.focus({ preventScroll: true });
    }
  }

  async load() {
    const Context = window.AudioContext || window.webkitAudioContext;
    if (!Context) throw new Error("it has no Web Audio");
    const rate = Number(this.section.dataset.rate);
    Player.context ??= new Context({ sampleRate: rate });
    const context = Player.context;
    // Where no sound may or can be played, this waits without an end.
    const patience = new Promise((_, refuse) =>
      setTimeout(() => refuse(new Error("no sound output answers")), 4000));
    await Promise.race([context.resume(), patience]);
    if (this.buffers) return;
    this.say("Decoding…");
    this.buffers = await Promise.all(this.audios.map((audio) => {
      const text = atob(audio.src.slice(audio.src.indexOf(",") + 1));
      const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
      return context.decodeAudioData(bytes.buffer).catch((error) => {
        const hint = this.section.dataset.codec === "opus" ? "; --audio flac may help" : "";
        throw new Error(`${error.message || error.name}${hint}`);
      });
    }));
    this.output = context.createGain();
    this.output.connect(context.destination);
    this.gains = this.buffers.map(() => context.createGain());
    this.gains.forEach((gain) => gain.connect(this.output));
  }

  start() {
    if (Player.playing && Player.playing !== this) Player.playing.stop();
    Player.playing = this;
    const context = Player.context;
    const loop = this.find(".loop").checked;
    if (this.position >= this.duration) this.position = 0;
    this.startedAt = context.currentTime + 0.03;
    this.sources = this.buffers.map((buffer, k) => {
      const source = context.createBufferSource();
      source.buffer = buffer;
      source.loop = loop;
      source.loopEnd = this.duration;
      source.connect(this.gains[k]);
      this.gains[k].gain.cancelScheduledValues(0);
      this.gains[k].gain.value = k === this.heard ? 1 : 0;
      source.start(this.startedAt, this.position);
      return source;
    });
    const [first] = this.sources;
    first.onended = () => { if (this.sources[0] === first) this.stop(); };
    this.section.dataset.state = "playing";
    this.find(".play").textContent = "Pause";
    this.tick();
    this.tellWhatIsHeard();
  }

  stop() {
    this.position = this.now;
    const sources = this.sources;
    this.sources = [];
    for (const source of sources) { source.onended = null; source.stop(); source.disconnect(); }
    if (this.position >= this.duration) this.position = 0;
    if (Player.playing === this) Player.playing = null;
    this.section.dataset.state = "paused";
    this.find(".play").textContent = "Play";
    this.say("");
    this.show();
  }

  restart(position = this.now) {
    const playing = this.sources.length > 0;
    if (playing) this.stop();
    this.position = position;
    if (playing) this.start();
    this.show();
  }

  seek(position) { this.restart(Math.min(Math.max(0, position), this.duration)); }

  hear(version) {
    Player.latest = this;
    this.heard = version;
    if (this.sources.length) {
      const time = Player.context.currentTime;
      this.gains.forEach((gain, k) => {
        gain.gain.cancelScheduledValues(time);
        gain.gain.setValueAtTime(gain.gain.value, time);
        gain.gain.linearRampToValueAtTime(k === version ? 1 : 0, time + FADE_SECONDS);
      });
      this.tellWhatIsHeard();
    }
    this.show();
  }

  hide(hidden) {
    const versions = this.audios.map((_, k) => k);
    if (hidden) {
      for (let k = versions.length - 1; k > 0; k--) {
        const other = Math.floor(Math.random() * (k + 1));
        [versions[k], versions[other]] = [versions[other], versions[k]];
      }
    }
    this.order = versions;
    this.hidden = hidden;
    this.section.classList.toggle("blind", hidden);
    this.choices.forEach((choice, k) => {
      choice.parentElement.querySelector("span").textContent =
        hidden ? `Version ${k + 1}` : this.audios[k].dataset.name;
    });
    this.choices[this.order.indexOf(this.heard)].checked = true;
    this.show();
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const choice = this.choices[Number(event.key) - 1];
    if (choice) {
      choice.checked = true;
      choice.focus();
      this.hear(this.order[this.choices.indexOf(choice)]);
    } else if (event.key === " " && !event.target.matches("button, input[type=checkbox]")) {
      this.toggle();
    } else {
      return;
    }
    event.preventDefault();
  }

  tick() {
    if (!this.sources.length) return;
    this.show();
    requestAnimationFrame(() => this.tick());
  }

  show() {
    const now = this.now;
    const seek = this.find(".seek");
    seek.value = now;
    seek.setAttribute("aria-valuetext", `${now.toFixed(1)} seconds`);
    this.find(".time").textContent = `${now.toFixed(1)} / ${this.duration.toFixed(1)} s`;
    this.section.style.setProperty("--played", now / this.duration);
    this.pictures.forEach((picture, k) => { picture.hidden = k !== this.heard; });
    this.rows.forEach((row, k) => row.classList.toggle("heard", k === this.heard));
    this.section.dataset.heard = this.heard;
  }

  tellWhatIsHeard() {
    const choice = this.order.indexOf(this.heard);
    this.say(`Playing: ${this.hidden ? `version ${choice + 1}` : this.audios[this.heard].dataset.name}`);
  }

  say(text) { this.find(".status").textContent = text; }

  fail(error) {
    this.say(`This browser cannot play the excerpts here: ${error.message || error.name}. ` +
      "Below they are as plain files, one after the other; figures and pictures are unaffected.");
    this.find(".status").classList.add("failed");
    this.section.classList.add("mute");
    this.section.dataset.state = "failed";
  }
}

document.documentElement.classList.add("js");
// A click beside the controls takes the focus away; keys go to the player used last.
document.addEventListener("keydown", (event) => {
  if (event.target === document.body) Player.latest?.key(event);
});
window.players = [...document.querySelectorAll(".player")].map((section) => new Player(section));
