"""Labels of other annotation programs: CVAT, COCO, Label Studio and YOLO, turned into label files and back."""
