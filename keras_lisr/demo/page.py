"""What the page consists of, and what its parts set off."""

from typing import TYPE_CHECKING, Any

from keras_lisr.demo.sessions import CancelledError, Sessions

if TYPE_CHECKING:
    import gradio as gr

# Gradio's own theme asks Google for its fonts.
FONTS = ("system-ui", "sans-serif")
# Seconds: how often uploads and results are looked through, and how old those are that are then deleted.
CACHE = (300, 3600)
INTRODUCTION = """# keras_lisr

Upload a picture, press **Upscale**, and drag the slider: bicubic at the left, the network at the right. Everything is
computed on this machine and nothing leaves it.
"""


def make_page(sessions: Sessions) -> "gr.Blocks":
    """Makes the page, to be served."""
    import gradio as gr

    models = sessions.models

    def offer(scale):
        names = models.of_scale(scale)
        return gr.Dropdown(choices=names, value=names[0])

    def look(upload):
        if upload is None:
            return ""
        try:
            height, width = sessions.read(upload).pixels.shape[:2]
        except ValueError as error:
            return str(error)
        return f"{width} x {height} pixels"

    def begin(request: gr.Request):
        sessions.begin(str(request.session_hash))
        return gr.Button(interactive=False), gr.Button(interactive=True)

    def upscale(upload, model, request: gr.Request, progress=gr.Progress()):  # noqa: B008, where Gradio looks for it.
        def step(done, total):
            progress((done, total), unit="tiles")

        try:
            result = sessions.upscale(str(request.session_hash), upload, model, step)
        except (ValueError, CancelledError) as error:
            return None, str(error)
        return (result.bicubic, result.network), result.summary

    def end():
        return gr.Button(interactive=True), gr.Button(interactive=False)

    def cancel(request: gr.Request):
        sessions.cancel(str(request.session_hash))

    async def keep(path):
        # In place of Gradio's own, which would fetch what a request says to lie on another server.
        if not sessions.is_upload(path):
            raise gr.Error("The picture must be one that was uploaded.", print_exception=False)
        return path

    with gr.Blocks(title="keras_lisr", analytics_enabled=False, delete_cache=CACHE) as page:
        gr.Markdown(INTRODUCTION)
        with gr.Row():
            picture = gr.File(label="Picture", file_types=["image"], height=160, elem_id="picture")
            picture.async_move_resource_to_block_cache = keep  # type: ignore[method-assign]
            with gr.Column():
                first = models.scales[models.default]
                scales = [(f"x{scale}", scale) for scale in sorted(set(models.scales.values()))]
                scale = gr.Radio(scales, value=first, label="Scale", elem_id="scale")
                model = gr.Dropdown(models.of_scale(first), label="Model", elem_id="model")
        with gr.Row():
            start = gr.Button("Upscale", variant="primary", elem_id="upscale")
            stop = gr.Button("Cancel", interactive=False, elem_id="cancel")
        status = gr.Textbox(label="Status", interactive=False, elem_id="status")
        comparison = gr.ImageSlider(label="bicubic | network", interactive=False, elem_id="comparison")

        private: dict[str, Any] = {"api_visibility": "private"}
        at_once = {**private, "queue": False, "show_progress": "hidden"}
        picture.change(look, picture, status, **at_once)
        scale.change(offer, scale, model, **at_once)
        begun = start.click(begin, None, [start, stop], **at_once)
        done = begun.then(upscale, [picture, model], [comparison, status], show_progress_on=comparison, **private)
        done.then(end, None, [start, stop], **at_once)
        stop.click(cancel, **at_once)
        page.unload(cancel)
    return page
