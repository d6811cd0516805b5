"""Labels read from photos, as phones take them."""

import io

import numpy as np
import pytest
import qrcode
from PIL import Image

from devices.scanning import LARGEST_PHOTO, PhotoUnreadable, qr_text_in
from devices.services.units import make_units
from tests.builders import logged_in, make_jpeg, make_org, owner_of

TEXT = '{"visant":1,"url":"https://visant.example.org","serial":"VS-2K7M9QWX","code":"7K2M-9QWX-4RTZ-HB3D"}'


def photo_of(text: str, *, size=(4000, 3000), side=900, turn=0.0, kind="JPEG", exif=None) -> io.BytesIO:
    """A photo of a label on a table: the code somewhere in it, turned, on a ground of noise."""
    ground = Image.effect_noise((size[0] // 8, size[1] // 8), 40).resize(size).convert("RGB")
    label = qrcode.make(text).convert("RGB").resize((side, side))
    label = label.rotate(turn, expand=True, fillcolor="white")
    ground.paste(label, (size[0] // 3, size[1] // 4))
    out = io.BytesIO()
    ground.save(out, kind, **({"exif": exif} if exif else {}))
    out.seek(0)
    return out


@pytest.mark.parametrize(
    "look",
    [
        {},
        {"turn": 17},
        {"side": 1800},
        {"size": (1280, 960), "side": 300},
        {"kind": "PNG", "size": (1280, 960), "side": 400},
    ],
)
def test_the_code_of_a_label_is_read_from_a_photo(look):
    assert qr_text_in(photo_of(TEXT, **look)) == TEXT


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "not a JPEG"),
        (b"GIF89a....", "not a JPEG"),
        (make_jpeg(1, (640, 480)), "no QR code"),
        (make_jpeg(1, (640, 480))[:900], "damaged"),
        (b"\xff" * (LARGEST_PHOTO + 1), "20 MB"),
    ],
)
def test_what_holds_no_code_is_refused_with_a_sentence(data, sentence):
    with pytest.raises(PhotoUnreadable, match=sentence):
        qr_text_in(io.BytesIO(data))


def test_a_photo_of_more_pixels_than_are_taken_is_refused_before_it_is_decoded(settings):
    settings.VISANT_MAX_MEGAPIXELS = 1
    out = io.BytesIO()
    Image.fromarray(np.zeros((1001, 1000), dtype=np.uint8)).save(out, "PNG")
    out.seek(0)
    with pytest.raises(PhotoUnreadable, match="1 megapixels"):
        qr_text_in(out)


@pytest.mark.django_db
def test_a_camera_is_claimed_by_a_photo_of_its_label():
    org = make_org()
    [label] = make_units(model="Cam 2", count=1)
    owner = logged_in(owner_of(org))
    photo = photo_of(label.qr_text, size=(1280, 960), side=500)
    photo.name = "label.jpg"
    answer = owner.post("/claim", {"photo": photo, "code": "", "name": "Gate", "camera": ""})
    assert answer.status_code == 302, answer.content
    assert org.devices.get().installations.get().unit == label.unit


@pytest.mark.django_db
def test_a_photo_without_a_code_says_so_at_its_field_and_nothing_is_claimed():
    org = make_org()
    owner = logged_in(owner_of(org))
    photo = io.BytesIO(make_jpeg(1, (640, 480)))
    photo.name = "label.jpg"
    answer = owner.post("/claim", {"photo": photo, "name": "Gate", "camera": ""})
    assert answer.status_code == 400
    assert "There is no QR code to be read in the photo." in answer.text
    assert not org.devices.exists()


@pytest.mark.django_db
def test_without_photo_and_code_both_are_asked_for():
    answer = logged_in(owner_of(make_org())).post("/claim", {"name": "Gate", "camera": ""})
    assert answer.status_code == 400
    assert "Scan the label, or type its code." in answer.text
