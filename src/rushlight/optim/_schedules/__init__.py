"""Learning-rate schedules by kind; `lr_scheduler` gathers them."""
