"""Detectors that have seen nothing but simulated patients, on real slices.

    python experiments/sim_to_real.py --model sim_axial/exported --plane axial --slices FOLDER --out looked_at

FOLDER holds PNG files of one plane; `--slices` may be repeated. Writes `NAME.png`, each slice with what was found (red,
with its score) and what an engineer drew by eye (green, from `--by-eye`); `found.csv`, a row a box drawn by eye: the
box found that lies best on it; and `manifest.json` with the shares found, which it prints. The boxes drawn by eye are
no radiologist's.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tfspine import boxes
from tfspine.client.reading import read_images
from tfspine.labels import Plane, Region
from tfspine.manifest import write_manifest
from tfspine.server.in_process import InProcessPredictor, open_predictor
from tfspine.signatures import MODEL_NAMES

BY_EYE = Path(__file__).parent / "results" / "sim_to_real" / "by_eye.csv"
ENOUGH_IOU = 0.5
NEAR_PX = 10.0
CORNERS = ["ymin", "xmin", "ymax", "xmax"]
MAGNIFIED = 3


def main() -> None:
    """Read the slices, draw, and print the shares found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="what tfspine export wrote")
    parser.add_argument("--plane", type=Plane, required=True, choices=list(Plane))
    parser.add_argument("--slices", type=Path, required=True, action="append", help="folder of PNG files")
    parser.add_argument("--by-eye", type=Path, default=BY_EYE, help="boxes to compare with (%(default)s)")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    predictor = open_predictor(args.model / MODEL_NAMES[args.plane])
    by_eye = pd.read_csv(args.by_eye)
    rows = []
    for path in sorted(path for folder in args.slices for path in folder.glob("*.png")):
        pixels = np.asarray(Image.open(path).convert("L"))
        found = _found(predictor, args.plane, pixels)
        drawn = by_eye[by_eye.slice == path.stem]
        _picture(pixels, found, drawn).save(args.out / path.name)
        rows += _compared(path.stem, found, drawn)
    table = pd.DataFrame(rows)
    table.to_csv(args.out / "found.csv", index=False)
    shares = {str(region): _shares(part) for region, part in table.groupby("region")}
    write_manifest(args.out, command="sim_to_real", inputs=[args.by_eye, args.out / "found.csv"], details=shares)
    print(json.dumps(shares, indent=2))


def _shares(part: pd.DataFrame) -> dict[str, float]:
    return {
        "by_eye": len(part),
        f"iou_above_{ENOUGH_IOU}": int((part.iou > ENOUGH_IOU).sum()),
        "mean_iou": round(float(part.iou.mean()), 3),
        f"centre_within_{NEAR_PX:.0f}_px": int((part.distance_px <= NEAR_PX).sum()),
    }


def _found(predictor: InProcessPredictor, plane: Plane, pixels: NDArray[np.uint8]) -> pd.DataFrame:
    """Return what the model finds on one slice, surest first."""
    (detections,) = read_images(predictor, plane, pixels[np.newaxis])
    rows = [(*item.box, str(item.region), item.score) for item in detections]
    return pd.DataFrame(rows, columns=[*CORNERS, "region", "score"])


def _compared(name: str, found: pd.DataFrame, drawn: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Yield a row a box drawn by eye.

    A slice has one canal, so the surest box has to be it; of foramina it has several, and the nearest box counts.
    """
    for item in drawn.itertuples():
        same = found[found.region == item.region]
        if item.region == Region.CENTRAL_CANAL:
            same = same.head(1)
        row: dict[str, object] = {"slice": name, "region": item.region}
        if same.empty:
            yield row | {"iou": 0.0, "distance_px": np.inf, "score": np.nan}
            continue
        box = np.array([[item.ymin, item.xmin, item.ymax, item.xmax]], np.float64)
        candidates = same[CORNERS].to_numpy(np.float64)
        distances = np.hypot(*(_centres(candidates) - _centres(box)).T)
        best = int(np.argmin(distances))
        iou = float(boxes.iou(box, candidates[best : best + 1])[0, 0])
        yield row | {
            "iou": round(iou, 3),
            "distance_px": round(float(distances[best]), 1),
            "score": round(float(same.score.iloc[best]), 3),
        }


def _centres(boxes_yxyx_px: NDArray[np.float64]) -> NDArray[np.float64]:
    return (boxes_yxyx_px[:, :2] + boxes_yxyx_px[:, 2:]) / 2


def _picture(pixels: NDArray[np.uint8], found: pd.DataFrame, drawn: pd.DataFrame) -> Image.Image:
    image = Image.fromarray(pixels).convert("RGB")
    image = image.resize((image.width * MAGNIFIED, image.height * MAGNIFIED), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for table, color in ((drawn, (90, 230, 90)), (found, (255, 90, 90))):
        for item in table.itertuples():
            corners = [MAGNIFIED * value for value in (item.xmin, item.ymin, item.xmax, item.ymax)]
            draw.rectangle(corners, outline=color)
            if table is found:
                short = {"central_canal": "c", "lateral_recess": "r", "neural_foramen": "f"}[item.region]
                draw.text((corners[0], corners[3] + 1), f"{short} {item.score:.2f}", fill=color)
    return image


if __name__ == "__main__":
    main()
