"""The pages that move, in a real browser: what they show is minidl's, and every control works by keyboard."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from matplotlib import image

import minidl
from minidl.okja.command import main
from minidl.okja.films import FILMS, OKJA
from minidl.okja.lesson import column, lesson
from minidl.okja.page import page_data
from minidl.pages import FOLDER
from tests.test_language import SENTENCE

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "okja.html"
    assert main(["okja", "--page", str(path), "--language", "en"]) == 0
    return path


class Opened:
    """A page, opened from disk; it fails where the console says anything, or where a request leaves the file."""

    def __init__(self, browser: Any, file: Path, width: int = 1000, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 800}, reduced_motion="reduce", **options)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.said.append(request.url) if request.url != file.as_uri() else None)
        self.page.goto(file.as_uri())

    def __enter__(self) -> Any:
        return self.page

    def __exit__(self, kind: Any, *_: object) -> None:
        self.page.wait_for_timeout(50)
        self.context.close()
        assert kind is not None or self.said == []


# -- figures


def test_what_the_page_computes_is_minidls(browser: Any, file: Path) -> None:
    x, y = (
        minidl.constant(column([getattr(film, name) for film in FILMS]).astype("float64"))
        for name in ("wishes", "audience")
    )
    generator = numpy.random.default_rng(3)
    with Opened(browser, file) as page:
        for weight, bias in zip(generator.uniform(-1, 1, 10), generator.uniform(-1000, 1000, 10), strict=True):
            found = page.evaluate(f"figures({weight!r}, {bias!r})".replace("np.float64", ""))
            w, b = minidl.Variable([[weight]], dtype="float64"), minidl.Variable([bias], dtype="float64")
            with minidl.GradientTape() as tape:
                prediction = minidl.matmul(x, w) + b
                loss = minidl.reduce_mean(minidl.square(prediction - y))
            gradients = tape.gradient(loss, [w, b])
            wanted = [
                loss.numpy(),
                *(float(each.numpy().reshape(())) for each in gradients),
                weight * OKJA.wishes + bias,
            ]
            given = [found[name] for name in ("loss", "weight_gradient", "bias_gradient", "okja")]
            numpy.testing.assert_allclose(given, wanted, rtol=1e-6)
            numpy.testing.assert_allclose(found["predictions"], prediction.numpy()[:, 0], rtol=1e-6)
            moved = page.evaluate(f"moved({weight!r}, {bias!r}, 2e-10)".replace("np.float64", ""))
            assert moved["weight"] == pytest.approx(weight - 2e-10 * wanted[1], rel=1e-6)
            # A slider says the same.
            page.evaluate(f"place({{weight: {weight!r}, bias: {bias!r}}})".replace("np.float64", ""))
            assert number(page, "#okja-value") == pytest.approx(wanted[3], rel=1e-6)
            assert number(page, "#loss-value") == pytest.approx(wanted[0], rel=1e-6)


def number(page: Any, query: str) -> float:
    return float(page.text_content(query).replace("−", "-").replace(",", ""))


def test_the_training_is_the_lessons(browser: Any, file: Path) -> None:
    trained = lesson(minidl)
    with Opened(browser, file) as page:
        page.check("input[value=up]")
        assert number(page, "#loss-value") == pytest.approx(trained.losses[0], rel=1e-6)
        page.click("#one")
        assert number(page, "#loss-value") == pytest.approx(trained.losses[1], rel=1e-6)
        page.click("#start")
        page.click("#play")
        assert page.text_content("#epoch") == "100"
        assert page.text_content("#okja-value") == "740.2602"
        assert number(page, "#weight-value") == pytest.approx(trained.after.weight, rel=1e-6)
        page.check("input[value=faster]")
        page.click(".larger[data-times='10']")
        assert number(page, "#loss-value") == pytest.approx(lesson(minidl, learning_rate=2e-9).losses[-1], rel=1e-4)
        page.click(".larger[data-times='100']")
        assert "ran away" in page.text_content("#said")


def test_the_slope_that_is_drawn_is_the_gradient(browser: Any, file: Path) -> None:
    with Opened(browser, file) as page:
        page.check("input[value=down]")
        assert page.locator("#quiz-weight .verdict").text_content() == "Not quite."
        page.evaluate("place({weight: 0.3, bias: 100})")
        (x, y), (to_x, to_y) = (
            map(float, pair.split(","))
            for pair in re.findall(r"[ML]([\d.-]+,[\d.-]+)", page.get_attribute(".tangent", "d"))
        )
        slope = page.evaluate(
            f"(find('loss').scales.y.back({to_y}) - find('loss').scales.y.back({y})) / "
            f"(find('loss').scales.x.back({to_x}) - find('loss').scales.x.back({x}))"
        )
        assert slope == pytest.approx(page.evaluate("figures(0.3, 100).weight_gradient"), rel=1e-6)
        squares = page.locator(".square").all()
        sides = [(float(each.get_attribute("width")), float(each.get_attribute("height"))) for each in squares]
        assert all(width == height for width, height in sides)
        heights = numpy.array(sides)[:, 1]
        differences = numpy.abs(page.evaluate("figures(0.3, 100).differences"))
        numpy.testing.assert_allclose(heights / heights[0], differences / differences[0], rtol=1e-6)


def test_answers_say_what_minidl_found(browser: Any, file: Path) -> None:
    data = page_data()
    with Opened(browser, file) as page:
        for hidden in ("#one", "#slope-weight", "#quiz-rate"):
            assert not page.is_visible(hidden)
        page.check("input[value=stays]")
        assert page.is_visible("#one")
        assert "−2.6738e8" in page.text_content("#quiz-weight")
        page.check("input[value=away]")
        loss = float(data["larger"][0]["path"][10]["loss"])
        assert f"{loss:,.1f}" in page.text_content("#quiz-rate")
        page.check("input[value=small]")
        assert "Right." in page.text_content("#quiz-bias")
        assert "−21,283" in page.text_content("#quiz-bias")


# -- a step, taken apart


def stepped(page: Any, root: str = "#steps") -> list[dict[str, Any]]:
    """What stands there at each step."""
    found = []
    for index in range(int(page.get_attribute(f"{root} input", "max")) + 1):
        page.fill(f"{root} input", str(index))
        found.append({
            "said": " ".join(page.inner_text(f"{root} .say").split()),
            "tape": page.locator(f"{root} .tape li").all_inner_texts(),
            "taken": page.locator(f"{root} .tape li.taken").count(),
            "kept": page.locator(f"{root} svg path[stroke-dasharray][opacity='1']").count(),
            "tied": page.locator(f"{root} .program .tied").all_inner_texts(),
        })  # fmt: skip
    return found


def test_a_step_is_gone_through(browser: Any, file: Path) -> None:
    with Opened(browser, file) as page:
        states = stepped(page)
        assert [len(state["tape"]) for state in states] == [1, 3, 4, 5, 6, 6, 6, 5, 4, 3, 2, 1]
        assert [state["taken"] for state in states] == [0] * 6 + [1] * 6
        assert "keeps wishes" in states[0]["tape"][0]
        assert "wishes = 8759 10132 12078 16430" in states[0]["said"]
        assert "dloss = 1" in states[5]["said"]
        assert "bias was broadcast" in states[9]["said"]
        assert [state["kept"] for state in states] == [1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]
        assert "dkernel = wishesᵀ · dz1" in states[-1]["said"]
        assert "-2.6738e+08" in states[-1]["said"]
        assert any("dot(wishes, kernel" in line for line in states[0]["tied"])
        assert any("out=kernel_gradient" in line for line in states[-1]["tied"])
        page.locator(".program button", has_text="square(").click()
        assert page.text_content("#steps .count") == "4/12"


def test_each_line_of_the_program_is_tied_to_what_it_computes() -> None:
    tied = {line["text"].strip().split("(")[0]: line["name"] for line in page_data()["program"]}
    names = [line["name"] for line in page_data()["program"] if line["name"]]
    assert list(dict.fromkeys(names)) == ["z1", "z2", "z3", "z4", "loss", "dz3", "dbias", "dkernel"]
    assert tied["square"] == "z4"


def picture_of_paths(name: str = "x") -> minidl.Picture:
    x = minidl.Variable(3.0, name=name)
    with minidl.Picture() as picture, minidl.GradientTape() as tape:
        y = x * x + minidl.sin(x)
        tape.gradient(y, x)
    return picture


def test_a_picture_is_saved_as_a_page(browser: Any, tmp_path: Path) -> None:
    picture_of_paths().save(tmp_path / "paths.html")
    with Opened(browser, tmp_path / "paths.html") as page:
        states = stepped(page)
        assert len(states) == 9
        assert "dx = 1 * cos(3)" in states[6]["said"]
        assert "added to what other paths have brought" in states[7]["said"]
        gradient = " ".join(page.locator(".graph .gradient").first.inner_text().split())
        assert gradient == "dx = dz2 * cos(x) += dz1 * x += dz1 * x 5.01"
        page.click("#language")
        assert "역전파" in page.inner_text("#steps .say")
        assert not page.is_visible(".program")


def test_pictures_of_every_kind_are_stepped_through(browser: Any, tmp_path: Path) -> None:
    x = minidl.Variable([1.0, 2.0], name="x")
    own = minidl.custom_gradient(lambda x: (x * 1.0, lambda upstream: -upstream))
    with minidl.Picture() as forward:
        minidl.reduce_max(x * x)
    with minidl.Picture() as matrix, minidl.GradientTape() as tape:
        column = minidl.reshape(own(x), [2, 1])
        tape.gradient(minidl.reduce_max(minidl.matmul([[1.0, 2.0], [3.0, 4.0]], column)), x)
    for picture, count in ((forward, 2), (matrix, len(matrix.forward()) + len(matrix.backward()))):
        picture.save(tmp_path / "picture.html")
        with Opened(browser, tmp_path / "picture.html", 360) as page:
            page.click("#language")
            states = stepped(page)
            assert len(states) == count
            assert all(re.search("[가-힣]", state["said"]) for state in states)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert "직접 정한 미분 규칙" in states[-1]["said"]


def test_names_cannot_end_the_script(browser: Any, tmp_path: Path) -> None:
    picture_of_paths("</script><script>alert(1)</script>").save(tmp_path / "odd.html")
    with Opened(browser, tmp_path / "odd.html") as page:
        assert page.locator(".box b").first.inner_text() == "</script><script>alert(1)</script>"


def test_a_page_of_too_many_calls_is_refused(tmp_path: Path) -> None:
    for count in (60, 61):
        with minidl.Picture() as picture:
            value: Any = minidl.Variable(1.0)
            for _ in range(count):
                value = value + 1.0
        if count == 60:
            picture.save(tmp_path / "many.html")
    with pytest.raises(ValueError, match="60 calls at most; this picture has 61"):
        picture.save(tmp_path / "more.html")
    assert not (tmp_path / "more.html").exists()


# -- how it is used and seen


def test_every_control_works_by_keyboard(browser: Any, file: Path) -> None:
    with Opened(browser, file) as page:
        reached = []
        for _ in range(80):
            page.keyboard.press("Tab")
            reached.append(page.evaluate(
                "document.activeElement.id || document.activeElement.name || document.activeElement.className || 'line'"
            ))  # fmt: skip
            if page.evaluate("document.activeElement.type") == "radio":
                page.keyboard.press("Space")  # so that what comes after the question is reached
        for control in ("language", "weight", "bias", "rate", "one", "play", "start", "larger", "next", "line"):
            assert control in reached, control
        before = number(page, "#weight-value")
        page.focus("#weight")
        page.keyboard.press("ArrowRight")
        assert number(page, "#weight-value") > before
        page.focus("#rate")
        page.keyboard.press("Home")
        assert page.text_content("#rate-value") == "1e−11"
        for control, change in (("#one", "#epoch"), ("#start", "#epoch"), ("#play", "#epoch"), ("#language", "h1"),
                                ("#steps .next", ".count"), ("#steps .back", ".count")):  # fmt: skip
            shown = page.text_content(change)
            page.focus(control)
            page.keyboard.press("Enter")
            page.wait_for_timeout(20)
            assert page.text_content(change) != shown, control
        page.focus("#steps input")
        page.keyboard.press("End")
        assert page.text_content(".count") == "12/12"
        page.focus("#steps .first")
        page.keyboard.press("Space")
        assert page.text_content(".count") == "1/12"
        page.focus("#steps .play")
        page.keyboard.press("Enter")
        page.wait_for_timeout(1400)
        assert page.text_content(".count") == "2/12"


def test_the_charts_can_be_dragged(browser: Any, file: Path) -> None:
    with Opened(browser, file) as page:
        for chart in ("films", "loss"):
            before = number(page, "#weight-value")
            area = page.locator(f"#{chart}").bounding_box()
            page.mouse.move(area["x"] + area["width"] * 0.8, area["y"] + area["height"] * 0.4)
            page.mouse.down()
            page.mouse.move(area["x"] + area["width"] * 0.7, area["y"] + area["height"] * 0.3)
            page.mouse.up()
            assert number(page, "#weight-value") != before
            assert page.text_content("#epoch") == "0"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 800, 1400])
def test_it_fits_the_screen(width: int, scheme: Any, browser: Any, file: Path, tmp_path: Path) -> None:
    with Opened(browser, file, width, color_scheme=scheme) as page:
        for option in ("up", "faster", "small"):
            page.check(f"input[value={option}]")
        for language in ("ko", "en"):
            page.click("#language")
            assert page.evaluate("document.documentElement.lang") == language
            page.click("#play")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            outside = page.evaluate("""[...document.querySelectorAll("main *")].filter((each) => {
                const box = each.getBoundingClientRect();
                return box.width && box.right > innerWidth + 1 && !each.closest(".program, svg");
            }).map((each) => each.outerHTML)""")
            assert outside == []
        page.screenshot(path=tmp_path / "page.png", full_page=True)
        shot = image.imread(tmp_path / "page.png")
        assert shot.shape[1] == width
        assert (shot[5, 5, :3].mean() > 0.5) == (scheme == "light")


def contrast(one: str, other: str) -> float:
    """Of two colors, as WCAG 2 defines it."""

    def luminance(color: str) -> float:
        parts = numpy.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = numpy.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_letters_stand_out_from_their_grounds() -> None:
    style = (FOLDER / "style.css").read_text(encoding="utf-8")
    schemes = [dict(re.findall(r"--(\S+): (#\w{6});", part)) for part in style.split("prefers-color-scheme: dark")[:2]]
    for colors in schemes:
        for ground in ("paper", "panel", "call-fill", "variable-fill", "data-fill", "gradient-fill"):
            assert contrast(colors["ink"], colors[ground]) > 7
            assert contrast(colors["faint"], colors[ground]) > 4.5
        for line in ("call", "variable", "data", "gradient"):
            assert contrast(colors[line], colors["paper"]) > 3


def test_every_text_is_in_both_languages(browser: Any, file: Path) -> None:
    with Opened(browser, file) as page:
        for name in ("PAGE_TEXT", "STEPS_TEXT"):
            for key, (english, korean) in page.evaluate(name).items():
                assert re.search("[가-힣]", korean), key
                assert not re.search("[가-힣]", english), key
                assert not SENTENCE.search(korean), key
                assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", korean)), key
        keys = set(page.evaluate("PAGE_TEXT"))
        assert {each.get_attribute("data-text") for each in page.query_selector_all("[data-text]")} <= keys
        page.click("#language")
        for option in ("up", "faster", "small"):
            page.check(f"input[value={option}]")
        for state in stepped(page):
            assert re.search("[가-힣]", state["said"])
            assert not SENTENCE.search(state["said"]), state["said"]
        text = re.sub(r"The Martian|English", "", page.inner_text("main"))
        assert not SENTENCE.search(re.sub(r"def step.*return loss", "", text, flags=re.DOTALL))


def test_the_page_begins_in_the_language_asked_for(tmp_path: Path) -> None:
    for language in ("en", "ko"):
        assert main(["okja", "--page", str(tmp_path / "okja.html"), "--language", language]) == 0
        text = (tmp_path / "okja.html").read_text(encoding="utf-8")
        assert f'<html lang="{language}">' in text
        assert not re.search(r"{{[\w.]+}}", text)
        assert not re.search(r"""(?:src|href)=["'](?!data:)""", text)
    json.dumps(page_data(), allow_nan=False)
