import logging

from keras_lisr.basics.log_lines import show_log


def test_what_is_logged_is_shown_once_and_only_within(capsys, caplog):
    logger = logging.getLogger("keras_lisr.data")
    with show_log("outer"), show_log("inner", logging.INFO):
        logger.info("8 pairs")
    logger.info("more")
    assert capsys.readouterr().err == "outer: 8 pairs\n"
