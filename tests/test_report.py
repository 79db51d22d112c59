import base64
import io
import json
import re
import shutil
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import soundfile

from skhrmel import HRMelTransformer
from skhrmel._page_audio import encode
from skhrmel.ablation import Track, TrackResult
from skhrmel.cli import main
from skhrmel.datasets import make_music
from skhrmel.metrics import band_relative_errors, relative_error
from skhrmel.report import (
    a_weighted_level,
    choose_tracks,
    loudest_start,
    make_excerpts,
)
from skhrmel.spectrum import power_frames

SR = 44100
BROWSER_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Samples that the browser's analyser holds.
HEARD = 32768


class TestLevels:
    # Table 3 of IEC 61672-1: A-weighting in dB, to a tenth.
    @pytest.mark.parametrize(
        ("frequency", "weight"),
        [(63, -26.2), (125, -16.1), (500, -3.2), (1000, 0), (4000, 1.0), (16000, -6.6)],
    )
    def test_weighting_is_that_of_the_standard(self, frequency, weight):
        # The standard's bands are at exact powers: 63 Hz stands for 63.1, and so on.
        exact = 1000 * 10 ** (round(10 * np.log10(frequency / 1000)) / 10)
        tone = np.sqrt(2) * np.sin(2 * np.pi * exact * np.arange(10 * SR) / SR)
        assert a_weighted_level(tone) == pytest.approx(weight, abs=0.06)

    def test_twice_the_amplitude_is_six_decibels(self, clips):
        once, twice = a_weighted_level(clips[0]), a_weighted_level(2 * clips[0][:-1])
        assert twice - once == pytest.approx(20 * np.log10(2), abs=0.01)
        assert a_weighted_level(np.zeros(9)) == -np.inf


def test_loudest_start_is_found_as_by_trying_all():
    samples = np.random.default_rng(0).normal(size=3000) * np.linspace(0, 1, 3000) ** 2
    starts = range(0, 3000 - 700 + 1, 10)
    energies = [np.sum(samples[start : start + 700] ** 2) for start in starts]
    expected = starts[int(np.argmax(energies))]
    assert loudest_start(samples, 700, step=10) == expected
    assert loudest_start(samples, 4000) == 0


def test_chosen_tracks_span_the_range():
    differences = {"a": 0.1, "b": -0.4, "c": 0.0, "d": 0.3, "e": -0.1}
    results = [
        TrackResult(name, 1.0, {"new": {"overall": 0.5 + d}, "old": {"overall": 0.5}})
        for name, d in differences.items()
    ]
    results.append(TrackResult("broken", 0.0, {}, problem="cannot be read"))
    choose = partial(choose_tracks, results, first="new", second="old")
    assert choose(3) == ["b", "c", "d"]
    assert choose(1) == ["c"]
    assert choose(99) == ["b", "e", "c", "a", "d"]


@pytest.fixture(scope="module")
def tracks():
    """Eleven: as few as let a decoder learn of the ten others."""
    return [
        Track(f"{k} {style}", partial(lambda clip: (clip, ""), clip))
        for k, (clip, style) in enumerate(
            zip(*make_music(11, duration=4.0), strict=True)
        )
    ]


@pytest.fixture(scope="module")
def excerpt(tracks):
    heard = {"HR-Mel": HRMelTransformer()}
    (excerpt,) = make_excerpts(tracks, {tracks[1].name: 1.0}, heard, seconds=2.0)
    return excerpt


@pytest.fixture
def without_visqol(monkeypatch):
    """As where it is not installed; it takes most of the time."""
    monkeypatch.setattr("skhrmel.report.find_spec", lambda _: None)


class TestExcerpts:
    def test_versions_and_their_figures(self, tracks, excerpt):
        assert [version.name for version in excerpt.versions] == [
            "Original",
            "Original magnitude, new phase",
            "HR-Mel, pseudo-inverse",
            "HR-Mel, kl",
        ]
        samples = tracks[1].load()[0][SR : 3 * SR]
        power = power_frames(samples)
        pinv = HRMelTransformer().fit(power)
        others = [track.load()[0] for track in tracks if track is not tracks[1]]
        training = [power_frames(other)[::8] for other in others]
        kl = HRMelTransformer(decoder="kl").fit(np.vstack(training))
        for transformer, version in zip((pinv, kl), excerpt.versions[2:], strict=True):
            decoded = transformer.inverse_transform(transformer.transform(power))
            assert version.metrics["overall"] == pytest.approx(
                relative_error(power, decoded), rel=1e-3
            )
            for band, error in band_relative_errors(power, decoded).items():
                assert version.metrics[band] == pytest.approx(error, rel=1e-3)
        assert excerpt.versions[1].metrics["overall"] == 0
        assert all("visqol" in version.metrics for version in excerpt.versions[1:])
        assert excerpt.learned == "every eighth frame of 10 other tracks"

    def test_levels_match_and_nothing_clips(self, excerpt):
        levels = [a_weighted_level(version.samples) for version in excerpt.versions]
        # All are faded in and out after their levels were matched.
        assert levels == pytest.approx([levels[0]] * 4, abs=0.05)
        assert max(np.abs(v.samples).max() for v in excerpt.versions) <= 1
        assert {len(version.samples) for version in excerpt.versions} == {2 * SR}

    @pytest.mark.parametrize("n_tracks", [1, 10])
    def test_a_track_among_few_teaches_by_its_rest(
        self, tracks, n_tracks, without_visqol
    ):
        heard = {"HR-Mel": HRMelTransformer()}
        name = tracks[0].name
        (part,) = make_excerpts(tracks[:n_tracks], {name: 1.5}, heard, seconds=1.0)
        assert part.learned.endswith("of this track outside of the excerpt")
        samples = tracks[0].load()[0]
        rest = [samples[: 3 * SR // 2], samples[5 * SR // 2 :]]
        kl = HRMelTransformer(decoder="kl")
        kl.fit(np.vstack([power_frames(piece)[::8] for piece in rest]))
        power = power_frames(samples[3 * SR // 2 : 5 * SR // 2])
        decoded = kl.inverse_transform(kl.transform(power))
        assert part.versions[-1].metrics["overall"] == pytest.approx(
            relative_error(power, decoded), rel=1e-3
        )
        assert "visqol" not in part.versions[-1].metrics

    def test_too_short_a_rest_teaches_nothing(self, tracks, without_visqol):
        heard = {"HR-Mel": HRMelTransformer()}
        name = tracks[0].name
        (most,) = make_excerpts(tracks[:3], {name: 0.0}, heard, seconds=2.5)
        assert most.learned.startswith("nothing: there are fewer than 10 other tracks")
        (whole,) = make_excerpts(tracks[:1], {name: None}, heard, seconds=60.0)
        assert whole.seconds == 4.0
        power = power_frames(tracks[0].load()[0])
        kl = HRMelTransformer(decoder="kl").fit(0 * power[:1])
        decoded = kl.inverse_transform(kl.transform(power))
        assert whole.versions[-1].metrics["overall"] == pytest.approx(
            relative_error(power, decoded), rel=1e-3
        )

    def test_tracks_that_cannot_be_read_do_not_teach(self, tracks, without_visqol):
        def broken():
            raise ValueError("cannot be read")

        heard = {"HR-Mel": HRMelTransformer()}
        mixed = [*tracks[:10], Track("broken", broken)]
        (excerpt,) = make_excerpts(mixed, {tracks[0].name: 0.0}, heard, seconds=1.0)
        assert excerpt.learned.endswith("of this track outside of the excerpt")

    def test_silence_stays_silent(self, tracks, without_visqol):
        clip = np.concatenate([np.zeros(2 * SR, np.float32), tracks[0].load()[0]])
        track = Track("late", lambda: (clip, ""))
        heard = {"HR-Mel": HRMelTransformer()}
        (excerpt,) = make_excerpts([track], {"late": 0.0}, heard, seconds=1.0)
        for version in excerpt.versions:
            assert not version.samples.any()
            assert version.gain == 0

    def test_impossible_places_are_refused(self, tracks):
        short = Track("short", lambda: (np.ones(9, np.float32), ""))
        with pytest.raises(ValueError, match="short: 9 samples are too short"):
            list(make_excerpts([short], {"short": None}, {}))
        with pytest.raises(ValueError, match=r"between 0 and 2\.00 s, got 3 s"):
            list(make_excerpts(tracks, {tracks[0].name: 3.0}, {}, seconds=2.0))
        with pytest.raises(ValueError, match="nowhere: not one of the tracks"):
            list(make_excerpts(tracks, {"nowhere": None}, {}))


class TestAudio:
    def test_flac_keeps_sixteen_bits(self, clips):
        decoded, sr = soundfile.read(io.BytesIO(encode(clips[0], SR, "flac")))
        assert sr == SR
        assert decoded == pytest.approx(clips[0].astype(float), abs=2**-15)

    def test_opus_is_small_and_close(self):
        """Longer than what breaks libsndfile if it is written at once."""
        clip = np.tile(make_music(1, duration=10.0)[0][0], 4)
        data = encode(clip, SR, "opus")
        decoded, sr = soundfile.read(io.BytesIO(data))
        assert sr == 48000
        assert len(decoded) == pytest.approx(40 * 48000, abs=2)
        assert len(data) < len(encode(clip, SR, "flac")) / 3
        resampled = np.interp(
            np.arange(len(clip)) / SR, np.arange(len(decoded)) / sr, decoded
        )
        # Lossy: but the same sound at the same place.
        assert np.corrcoef(resampled, clip)[0, 1] > 0.9
        with pytest.raises(ValueError, match="codec must be one of"):
            encode(clip, SR, "mp3")


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "skhrmel", "report", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """One run of the real command, and what it wrote."""
    folder = tmp_path_factory.mktemp("music")
    # Below five tracks there are no intervals.
    names = ("a & <b>.wav", "b.flac", "c.ogg", "d.wav", "e.wav")
    for clip, name in zip(make_music(5, duration=2.0)[0], names, strict=True):
        soundfile.write(folder / name, clip, SR)
    (folder / "broken.wav").write_bytes(b"no sound")
    out = tmp_path_factory.mktemp("out")
    process = run(
        folder, "--out", out / "report.html", "--json", out / "report.json",
        "--excerpts", 2, "--seconds", 1, "--allocation", "48/28/20",
    )  # fmt: skip
    assert "Skipped" in process.stderr
    assert process.returncode == 1
    assert "report.html: " in process.stdout
    assert f"Open it in a browser: {(out / 'report.html').as_uri()}" in process.stdout
    return out / "report.html", json.loads((out / "report.json").read_text())


class TestPage:
    def test_needs_nothing_else(self, written):
        text = written[0].read_text()
        assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', text) == []
        assert "url(http" not in text
        size = written[0].stat().st_size / 1e6
        stated = float(re.search(r"This page is ([\d.]+) MB", text)[1])
        assert stated == pytest.approx(size, abs=0.051)

    def test_names_are_escaped_and_ids_are_unique(self, written):
        text = written[0].read_text()
        assert "a &amp; &lt;b&gt;.wav" in text
        assert "<b>.wav" not in text
        # Those inside pictures carry the picture's name.
        ids = re.findall(r'\bid="([^"]+)"', text)
        assert len(ids) == len(set(ids))

    def test_a_single_file_of_any_name_and_rate(
        self, clips, tmp_path, capsys, without_visqol
    ):
        """What a page says of one track, and of one that was resampled."""
        song = tmp_path / "Été — 日本.wav"
        soundfile.write(song, clips[0][::2], SR // 2)
        (tmp_path / "défaut.mp3").write_bytes(b"no sound")
        out = tmp_path / "page é.html"
        arguments = [tmp_path, "--out", out, "--excerpt", f"{song.name}@0.2"]
        assert main(["report", *map(str, arguments), "--seconds", "0.5"]) == 1
        shown = capsys.readouterr()
        assert f"Skipped: {tmp_path / 'défaut.mp3'}: " in shown.err
        assert out.as_uri() in shown.out
        text = out.read_text("utf-8")
        assert f"<title>skhrmel report: {song.name}</title>" in text
        assert "0:00.2 to 0:00.7 min" in text
        assert "resampled from 22050 Hz to 44100 Hz, so it holds nothing above" in text
        # Of one track there is nothing to take a deviation or an interval of.
        assert not re.search(r"± 0\.0000|<td>[-+\d.]+<small>", text)
        (figures,) = re.findall(r"HR-Mel 40/32/24</th><td>96</td><td>([\d.]+)", text)
        assert float(figures) == pytest.approx(
            float(re.search(r"HR-Mel 40/32/24 loses.*?: ([\d.]+) against", text)[1]),
            abs=6e-4,
        )

    def test_an_excerpt_is_found_by_the_last_part_of_a_path(self, tmp_path, capsys):
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            soundfile.write(tmp_path / name / "x.wav", np.zeros(9), SR)
        with pytest.raises(SystemExit, match="2"):
            main(["report", str(tmp_path), "--excerpt", "x.wav@0"])
        both = " ".join(str(tmp_path / name / "x.wav") for name in ("a", "b"))
        error = capsys.readouterr().err
        assert f"x.wav could be any of {both.replace(' ', ', ')}" in error

    def test_usage_errors_are_short(self, tmp_path, capsys):
        song = tmp_path / "song.wav"
        soundfile.write(song, np.zeros(9), SR)
        for arguments, message in (
            (["--excerpt", "x.wav"], "expected a file and a second such as"),
            (["--seconds", "0"], "expected a number from 0.5 to 60, got '0'"),
            (["--out", tmp_path], "is a folder, not a file to write"),
            (["--out", tmp_path / "no" / "x"], f"{tmp_path / 'no'} does not exist"),
            (
                ["--excerpt", "x.wav@3"],
                f"x.wav is none of the 1 tracks, such as {song}",
            ),
            (["--json", song], "song.wav: would overwrite an input"),
        ):
            with pytest.raises(SystemExit, match="2"):
                main(["report", str(song), *map(str, arguments)])
            assert message in capsys.readouterr().err.splitlines()[-1]


@pytest.fixture(scope="module")
def browser(written, tmp_path_factory):
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("needs Chromium: apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in BROWSER_FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, written):
    browser.get(written[0].as_uri())
    yield browser
    # Every test leaves the console empty.
    assert browser.get_log("browser") == []


def listen(page, player=0):
    """What the page has just sent to the loudspeaker, and the player's position."""
    sent = page.execute_async_script(
        """
        const [number, size, done] = arguments;
        const player = players[number], context = player.output.context;
        const analyser = context.createAnalyser();
        analyser.fftSize = size;
        player.output.connect(analyser);
        // By the clock of the sound, which may be late on a busy machine.
        const begun = context.currentTime;
        const timer = setInterval(() => {
          if (context.currentTime < begun + 0.9) return;
          clearInterval(timer);
          const samples = new Float32Array(size);
          analyser.getFloatTimeDomainData(samples);
          const position = player.now;
          player.output.disconnect(analyser);
          done([Array.from(samples), position]);
        }, 50);
        """,
        player,
        HEARD,
    )
    return np.array(sent[0]), sent[1]


def versions(page, player=0):
    sources = page.execute_script(
        "return players[arguments[0]].audios.map(audio => audio.src)", player
    )
    return [
        soundfile.read(io.BytesIO(base64.b64decode(source.partition(",")[2])))[0]
        for source in sources
    ]


def locate(heard, version):
    """Find where in a repeated version something was heard, and how well it fits."""
    # Circular correlation finds the place.
    padded = np.zeros_like(version)
    padded[:HEARD] = heard
    spectrum = np.fft.rfft(version) * np.conj(np.fft.rfft(padded))
    place = int(np.argmax(np.fft.irfft(spectrum, len(version))))
    there = np.take(version, np.arange(place, place + HEARD), mode="wrap")
    residual = np.linalg.norm(heard - there) / np.linalg.norm(there)
    end = (place + HEARD) / SR % (len(version) / SR)
    return residual, end


def press_play(page, player=0):
    page.find_elements("css selector", ".play")[player].click()
    wait(page, "playing", player)


def wait(page, state, player=0):
    for _ in range(100):
        section = page.find_elements("css selector", ".player")[player]
        if section.get_attribute("data-state") == state:
            return section
        time.sleep(0.1)
    raise AssertionError(f"never {state}: {section.text}")


class TestInTheBrowser:
    def test_tables_have_the_figures_of_the_json(self, page, written):
        document = written[1]
        cells = {
            row.find_element("css selector", "th").text: [
                cell.text for cell in row.find_elements("css selector", "td")
            ]
            for row in page.find_elements("css selector", "#t1 tbody tr")
        }
        assert list(cells) == list(document["summary"])
        assert "HR-Mel 48/28/20" in cells
        baseline = document["summary"]["Mel-96"]["overall"]["mean"]
        for name, (bins, error, delta, _) in cells.items():
            overall = document["summary"][name]["overall"]
            low, high = document["intervals"][name]["overall"]
            assert bins == ("80" if "80" in name.split("-")[-1] else "96")
            assert error == (
                f"{overall['mean']:.4f} ± {overall['std']:.4f}\n{low:.4f} to {high:.4f}"
            )
            if name != "Mel-96":
                assert delta == f"{100 * (1 - overall['mean'] / baseline):+.1f}%"
        means = document["summary"]["HR-Mel 40/32/24"]["low"]["mean"]
        assert f"{means:.4f}" in page.find_element("id", "t2").text
        paired = document["paired_differences"]["HR-Mel 40/32/24"]["overall"]
        shown = page.find_element("id", "t3").text
        assert f"{paired['mean']:+.4f}" in shown
        assert f"{paired['wins']} : {paired['losses']}" in shown
        # As text, for drivers of browsers may round numbers.
        embedded = page.execute_script(
            "return document.getElementById('report-data').textContent"
        )
        assert json.loads(embedded) == document
        assert "broken.wav" in page.find_element("tag name", "main").text

    def test_metrics_of_an_excerpt(self, page, written):
        for number, excerpt in enumerate(written[1]["excerpts"]):
            rows = page.find_elements("css selector", f"#m{number} tbody tr")
            assert len(rows) == len(excerpt["versions"]) == 8
            for row, version in zip(rows, excerpt["versions"], strict=True):
                text = row.text
                assert text.startswith(version["name"])
                for name in ("overall", "low", "mid", "high"):
                    if version["metrics"]:
                        assert f"{version['metrics'][name]:.3f}" in text

    def test_the_version_that_is_chosen_is_heard_at_the_same_position(self, page):
        press_play(page)
        wanted = versions(page)
        choices = page.find_elements("css selector", ".player:first-of-type .choice")
        assert len(choices) == len(wanted) == 8
        clock = "return [players[0].output.context.currentTime, players[0].now]"
        begun, at = page.execute_script(clock)
        for version in (0, 4, 1, 7):
            choices[version].click()
            heard, position = listen(page)
            fits = [locate(heard, candidate) for candidate in wanted]
            assert int(np.argmin([residual for residual, _ in fits])) == version
            residual, place = fits[version]
            # 16 bits, and no resampling between.
            assert residual < 1e-3
            # The analyser is a block or two behind the clock, or before it.
            assert abs((position - place + 0.5) % 1 - 0.5) < 0.15
            passed, now = page.execute_script(clock)
            # Compared on the circle that a repeated second is.
            apart = (at + passed - begun - now + 0.5) % 1 - 0.5
            assert apart == pytest.approx(0, abs=1e-6)
            assert "Playing: " in wait(page, "playing").text

    def test_keys(self, page):
        from selenium.webdriver.common.keys import Keys

        play = page.find_element("css selector", ".play")
        play.send_keys(Keys.SPACE)
        wait(page, "playing")
        page.switch_to.active_element.send_keys("3")
        section = wait(page, "playing")
        assert section.get_attribute("data-heard") == "2"
        focused = page.switch_to.active_element
        assert focused.get_attribute("type") == "radio"
        focused.send_keys(Keys.ARROW_RIGHT)
        assert section.get_attribute("data-heard") == "3"
        visible = [
            picture.is_displayed()
            for picture in section.find_elements("css selector", ".picture")
        ]
        assert visible == [k == 3 for k in range(8)]
        page.switch_to.active_element.send_keys(Keys.SPACE)
        wait(page, "paused")
        before = page.execute_script("return players[0].now")
        section.find_element("css selector", ".seek").send_keys(Keys.ARROW_LEFT)
        assert page.execute_script("return players[0].now") == pytest.approx(
            before - 0.01, abs=0.011
        )
        # A click on nothing takes the focus from the player, but not the keys.
        page.find_element("tag name", "h1").click()
        body = page.find_element("tag name", "body")
        assert page.switch_to.active_element == body
        body.send_keys("2")
        assert section.get_attribute("data-heard") == "1"

    def test_one_player_stops_the_other(self, page):
        press_play(page, 0)
        press_play(page, 1)
        wait(page, "paused", 0)
        page.find_elements("css selector", ".loop")[1].click()
        # Once without repeating, and it ends by itself at its beginning.
        wait(page, "paused", 1)
        assert page.execute_script("return players[1].now") == 0

    def test_blind_hides_names_and_figures(self, page):
        section = page.find_element("css selector", ".player")
        section.find_element("css selector", ".hide").click()
        names = [c.text for c in section.find_elements("css selector", ".choice span")]
        assert names == [f"Version {k}" for k in range(1, 9)]
        assert not section.find_element("css selector", "table").is_displayed()
        order = page.execute_script("return players[0].order")
        assert sorted(order) == list(range(8))
        section.find_elements("css selector", ".choice")[5].click()
        assert section.get_attribute("data-heard") == str(order[5])
        section.find_element("css selector", ".hide").click()
        chosen = section.find_elements("css selector", ".choice")[order[5]]
        assert chosen.find_element("css selector", "input").is_selected()
        assert section.find_element("css selector", "table").is_displayed()

    @pytest.mark.parametrize(
        ("fault", "reason"),
        [
            (
                "delete window.AudioContext; delete window.webkitAudioContext",
                "no Web Audio",
            ),
            (
                # The page's patience passes ten times as fast.
                "const wait = setTimeout;"
                "window.setTimeout = (f, t) => wait(f, t / 10);"
                "AudioContext.prototype.resume = () => new Promise(() => {})",
                "no sound output answers",
            ),
            (
                "BaseAudioContext.prototype.decodeAudioData = "
                "() => Promise.reject(new Error('no such codec'))",
                "no such codec",
            ),
        ],
    )
    def test_what_cannot_play_says_so_and_offers_files(self, page, fault, reason):
        page.execute_script(fault)
        section = page.find_element("css selector", ".player")
        assert not section.find_element("css selector", "audio").is_displayed()
        page.find_element("css selector", ".play").click()
        wait(page, "failed")
        status = section.find_element("css selector", ".status").text
        assert f"cannot play the excerpts here: {reason}" in " ".join(
            status.split()
        ) or (reason in status)
        assert section.find_element("css selector", "audio").is_displayed()

    @pytest.mark.parametrize(("width", "dark"), [(1100, False), (360, True)])
    def test_fits_the_screen_in_light_and_dark(self, page, width, dark, tmp_path):
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        page.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": dark},
        )
        try:
            assert page.execute_script("return document.body.scrollWidth") <= width
            ground, ink = page.execute_script(
                "const s = getComputedStyle(document.body);"
                "const t = getComputedStyle(document.querySelector('#bands svg text'));"
                "return [s.backgroundColor, t.fill]"
            )
            assert contrast(ground, ink) >= 7
            for control in page.find_elements("css selector", ".play, .choice, .seek"):
                # Large enough for a finger.
                assert control.size["height"] >= 44
        finally:
            page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def test_without_scripts_there_are_files_to_play(self, browser, written):
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        try:
            browser.get(written[0].as_uri())
            assert browser.find_element("css selector", "audio").is_displayed()
            assert not browser.find_element("css selector", ".play").is_displayed()
        finally:
            browser.execute_cdp_cmd(
                "Emulation.setScriptExecutionDisabled", {"value": False}
            )
            browser.get_log("browser")


def contrast(first, second):
    """Contrast ratio of WCAG 2, from 1 to 21."""
    levels = []
    for colour in (first, second):
        channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in channels
        ]
        levels.append(np.dot(linear, [0.2126, 0.7152, 0.0722]))
    return (max(levels) + 0.05) / (min(levels) + 0.05)
