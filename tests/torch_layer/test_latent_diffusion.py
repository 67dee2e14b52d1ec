"""Score distillation with models of the library diffusers: small ones, constructed here at random, none fetched."""

import json
import math
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

from torch_layer.scenes import CORNERS, FACES, uniform  # noqa: E402

import taichi_dr as dr  # noqa: E402
from taichi_dr.errors import InputError, ShapeError  # noqa: E402
from taichi_dr.io import images as image_files  # noqa: E402
from taichi_dr.torch.distillation.latent import LatentDiffusion  # noqa: E402
from taichi_dr.torch.distillation.schedule import linear  # noqa: E402
from taichi_dr.torch.distillation.score import ScoreDistillation  # noqa: E402
from taichi_dr.torch.distillation.srgb import linear_to_srgb, srgb_to_linear  # noqa: E402

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = [*LETTERS, *(letter + "</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
TOKENS, WIDTH = 12, 6


def double(module):
    return module.double().eval()


def unet(**settings):
    torch.manual_seed(1)
    known = {
        "sample_size": 4,
        "block_out_channels": (4, 8),
        "layers_per_block": 1,
        "norm_num_groups": 2,
        "cross_attention_dim": WIDTH,
        "attention_head_dim": 2,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    }
    return double(diffusers.UNet2DConditionModel(**{**known, **settings}))


def vae(**settings):
    torch.manual_seed(2)
    return double(
        diffusers.AutoencoderKL(
            block_out_channels=(4, 8),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            norm_num_groups=2,
            latent_channels=4,
            **settings,
        )
    )


def text_encoder():
    torch.manual_seed(3)
    sizes = {"hidden_size": WIDTH, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    ends = {"bos_token_id": 52, "eos_token_id": 53, "pad_token_id": 53}
    config = transformers.CLIPTextConfig(vocab_size=len(WORDS), max_position_embeddings=TOKENS, **sizes, **ends)
    return double(transformers.CLIPTextModel(config))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """CLIP's, of the letters alone."""
    folder = tmp_path_factory.mktemp("tokenizer")
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(WORDS)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    files = str(folder / "vocab.json"), str(folder / "merges.txt")
    return transformers.CLIPTokenizer(*files, model_max_length=TOKENS)


@pytest.fixture
def parts(tokenizer):
    return {
        "unet": unet(),
        "vae": vae(),
        "scheduler": diffusers.DDPMScheduler(),
        "text_encoder": text_encoder(),
        "tokenizer": tokenizer,
    }


def latents(count=2, channels=4):
    return torch.randn(count, channels, 4, 4, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def pictures(count=1, size=8):
    return torch.tensor(uniform(5, count, size, size, 3))


def untouched(parts):
    modules = [part for part in parts.values() if isinstance(part, torch.nn.Module)]
    return all(one.grad is None and one.requires_grad for module in modules for one in module.parameters())


def test_the_denoiser_is_the_unet_called_by_hand(parts):
    x, t = latents(), torch.tensor([3, 700])
    found = LatentDiffusion(**parts).denoiser(x, t, ["a red torus", ""])
    tokens = parts["tokenizer"](["a red torus", ""], padding="max_length", max_length=TOKENS, return_tensors="pt")
    embeddings = parts["text_encoder"](tokens.input_ids)[0]
    expected = parts["unet"](x, t, encoder_hidden_states=embeddings).sample
    np.testing.assert_allclose(found, expected.detach(), atol=1e-12)
    assert not found.requires_grad
    assert untouched(parts)


def test_conditions_are_a_list_one_for_all_none_or_embeddings(parts):
    diffusion, x, t = LatentDiffusion(**parts), latents(), torch.tensor([5, 5])
    red = diffusion.denoiser(x, t, ["red", "red"])
    empty = diffusion.denoiser(x, t)
    assert torch.equal(diffusion.denoiser(x, t, "red"), red)
    assert torch.equal(diffusion.denoiser(x, t, ["", ""]), empty)
    assert not torch.allclose(red, empty)
    embeddings = torch.randn(2, 7, WIDTH, dtype=torch.float64, requires_grad=True)
    expected = parts["unet"](x, t, encoder_hidden_states=embeddings).sample
    found = LatentDiffusion(parts["unet"], parts["vae"], parts["scheduler"]).denoiser(x, t, embeddings)
    np.testing.assert_allclose(found, expected.detach(), atol=1e-12)


def test_each_prompt_is_encoded_once(parts):
    seen = []
    parts["text_encoder"].register_forward_pre_hook(
        lambda module, given, named: seen.append(len(given[0] if given else named["input_ids"])), with_kwargs=True
    )
    diffusion, x, t = LatentDiffusion(**parts), latents(3), torch.tensor([1, 2, 3])
    for _ in range(3):
        diffusion.denoiser(x, t, ["a", "b", "a"])
        diffusion.denoiser(x, t, "")
    assert seen == [2, 1]


def test_a_prompt_that_is_cut_is_warned_of(parts):
    with pytest.warns(
        UserWarning, match=r"prompt 'a torus of red\.*'.*: 13 tokens, of which the text encoder reads 12"
    ):
        LatentDiffusion(**parts).denoiser(latents(1), torch.tensor([1]), "a torus of red")


class KnownUNet:
    """Answers what a perfect model would of pictures that are known: eps, v or x_0."""

    dtype, device = torch.float64, torch.device("cpu")
    config = SimpleNamespace(in_channels=4, out_channels=4)

    def __init__(self, answer):
        self.answer = answer

    def __call__(self, x, t):
        return SimpleNamespace(sample=self.answer)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_noise_is_found_in_every_kind_of_prediction(kind):
    """Of x_t = alpha x_0 + sigma eps, v = alpha eps - sigma x_0 and x_0 itself lead back to eps."""
    x_0, eps = latents(), latents(4)[2:]
    scheduler = diffusers.DDIMScheduler(prediction_type=kind)
    t = torch.tensor([10, 900])
    share = scheduler.alphas_cumprod.double()[t].reshape(2, 1, 1, 1)
    alpha, sigma = share.sqrt(), (1 - share).sqrt()
    answer = {"epsilon": eps, "v_prediction": alpha * eps - sigma * x_0, "sample": x_0}[kind]
    found = LatentDiffusion(KnownUNet(answer), vae(), scheduler).denoiser(alpha * x_0 + sigma * eps, t)
    np.testing.assert_allclose(found, eps, atol=1e-12)


@pytest.mark.parametrize("name", ["DDPMScheduler", "DDIMScheduler", "PNDMScheduler", "EulerDiscreteScheduler"])
def test_schedules_of_diffusers_are_taken(name, parts):
    parts["scheduler"] = getattr(diffusers, name)()
    found = LatentDiffusion(**parts).alphas_cumprod
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, linear(), rtol=1e-4)


@pytest.mark.parametrize(("name", "end"), [("DDIMScheduler", 0), ("EulerDiscreteScheduler", 2**-24)])
def test_a_schedule_that_ends_in_pure_noise_ends_just_before(name, end, parts):
    parts["scheduler"] = getattr(diffusers, name)(rescale_betas_zero_snr=True, prediction_type="v_prediction")
    assert float(parts["scheduler"].alphas_cumprod[-1]) == end
    diffusion = LatentDiffusion(**parts)
    found = diffusion.alphas_cumprod
    assert float(found[-1]) == float(found[-2]) / 2 > 0
    distillation = ScoreDistillation(diffusion.denoiser, found, t_range=(1, 1), noise="inversion")
    assert math.isfinite(float(distillation(latents(1), "red")))


def test_latents_are_those_of_the_encoder(parts):
    """The mean, shifted and scaled, of display values in [-1, 1]; a sample with a generator."""
    parts["vae"] = vae(shift_factor=0.3, scaling_factor=0.7)
    diffusion, images = LatentDiffusion(**parts), pictures(2)
    shown = torch.tensor(image_files.linear_to_srgb(images.numpy()))
    spread = parts["vae"].encode(2 * shown.permute(0, 3, 1, 2) - 1).latent_dist
    for found in (diffusion.encode(images), diffusion.encode(shown, display=True)):
        np.testing.assert_allclose(found.detach(), ((spread.mean - 0.3) * 0.7).detach(), atol=1e-12)
    sample = spread.sample(torch.Generator().manual_seed(6))
    found = diffusion.encode(images, generator=torch.Generator().manual_seed(6))
    np.testing.assert_allclose(found.detach(), ((sample - 0.3) * 0.7).detach(), atol=1e-12)


def test_decoding_is_the_decoder(parts):
    diffusion, z = LatentDiffusion(**parts), latents()
    expected = (parts["vae"].decode(z / 0.18215).sample.permute(0, 2, 3, 1) / 2 + 0.5).clamp(0, 1).detach()
    shown = diffusion.decode(z, display=True)
    np.testing.assert_allclose(shown, expected, atol=1e-12)
    np.testing.assert_allclose(image_files.linear_to_srgb(diffusion.decode(z).numpy()), expected, atol=1e-12)
    assert not shown.requires_grad


def test_a_tiny_autoencoder_serves_too(parts):
    torch.manual_seed(7)
    sizes = {"encoder_block_out_channels": (4, 4), "decoder_block_out_channels": (4, 4)}
    blocks = {"num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1)}
    parts["vae"] = double(diffusers.AutoencoderTiny(**sizes, **blocks))
    diffusion, images = LatentDiffusion(**parts), pictures()
    expected = parts["vae"].encode(2 * images.permute(0, 3, 1, 2) - 1).latents
    np.testing.assert_allclose(diffusion.encode(images, display=True).detach(), expected.detach(), atol=1e-12)
    assert diffusion.decode(expected).shape == images.shape


def test_pictures_get_the_gradient_through_the_encoder(parts):
    """d loss / d picture = J^T g, J the encoder's Jacobian; and no parameter of anything has one."""
    diffusion = LatentDiffusion(**parts)
    one, other = (ScoreDistillation(diffusion.denoiser, diffusion.alphas_cumprod) for _ in range(2))
    images = pictures().requires_grad_()
    one(diffusion.encode(images), ["a red torus"], [""]).backward()
    z = diffusion.encode(images).detach()
    g = other.gradient(z, other.levels(1), ["a red torus"], [""])
    jacobian = torch.autograd.functional.jacobian(diffusion.encode, images.detach())
    expected = torch.tensordot(g, jacobian, 4)
    assert float(expected.abs().max()) > 1e-3
    np.testing.assert_allclose(images.grad, expected, atol=1e-10)
    assert untouched(parts)


def test_a_frozen_encoder_with_checkpoints_has_the_same_gradient(parts):
    found = []
    for checkpoints in (False, True):
        diffusion, images = LatentDiffusion(**parts), pictures().requires_grad_()
        (diffusion.encode(images) ** 2).sum().backward()
        found.append(images.grad)
        if not checkpoints:
            parts["vae"].requires_grad_(False).enable_gradient_checkpointing()
    np.testing.assert_allclose(found[1], found[0], atol=1e-12)


def test_a_pipeline_leads_to_the_vertices_of_a_mesh(parts, cpu64):
    """d loss / d vertices is that of <z, g>, by central differences along the gradient."""
    parts["scheduler"] = diffusers.DDIMScheduler(steps_offset=1, clip_sample=False)
    unused = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    diffusion = LatentDiffusion.of_pipeline(diffusers.StableDiffusionPipeline(**parts, **unused))
    renderer, camera = dr.torch.Rasterizer(8, outputs=("color",), antialias=True), dr.Camera.orbit(20, 10)
    vertices = torch.tensor(np.array(CORNERS), requires_grad=True)
    colors = torch.tensor(uniform(1, 4, 3))

    def encoded(points):
        return diffusion.encode(renderer(points, FACES, colors, camera).color)

    one, other = (ScoreDistillation(diffusion.denoiser, diffusion.alphas_cumprod) for _ in range(2))
    one(encoded(vertices), "a red torus", "").backward()
    with torch.no_grad():
        g = other.gradient(encoded(vertices), other.levels(1), "a red torus", "")
        way = 1e-6 * vertices.grad / vertices.grad.norm()
        difference = float(((encoded(vertices + way) - encoded(vertices - way)) * g).sum()) / 2e-6
    assert float(vertices.grad.norm()) == pytest.approx(difference, rel=1e-5)
    assert untouched(parts)


def test_a_model_of_pixels_that_predicts_its_variance(tokenizer):
    """As DeepFloyd IF: the UNet answers eps and its variance, the latter is left out."""
    model, x, t = unet(in_channels=3, out_channels=6, sample_size=8), latents(2, 3), torch.tensor([3, 30])
    diffusion = LatentDiffusion(model, None, diffusers.DDPMScheduler(), text_encoder(), tokenizer)
    embeddings = torch.randn(2, 7, WIDTH, dtype=torch.float64)
    expected = model(x, t, encoder_hidden_states=embeddings).sample[:, :3].detach()
    np.testing.assert_allclose(diffusion.denoiser(x, t, embeddings), expected, atol=1e-12)
    images = pictures(2).requires_grad_()
    pixels = diffusion.encode(images, display=True)
    assert torch.equal(pixels, 2 * images.permute(0, 3, 1, 2) - 1)
    np.testing.assert_allclose(diffusion.decode(pixels, display=True), images.detach(), atol=1e-12)


def test_an_unconditional_pipeline():
    torch.manual_seed(8)
    blocks = {"down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",), "add_attention": False}
    sizes = {"block_out_channels": (4,), "norm_num_groups": 2, "layers_per_block": 1}
    model = double(diffusers.UNet2DModel(sample_size=8, **blocks, **sizes))
    diffusion = LatentDiffusion.of_pipeline(diffusers.DDPMPipeline(model, diffusers.DDPMScheduler()))
    x, t = latents(2, 3), torch.tensor([3, 30])
    np.testing.assert_allclose(diffusion.denoiser(x, t), model(x, t).sample.detach(), atol=1e-12)
    with pytest.raises(InputError, match="condition: this UNet has no conditions, expected None, got 'red'"):
        diffusion.denoiser(x, t, "red")


def test_other_types_come_back_as_the_pictures_are(parts):
    """Single precision in the model, double in the pictures."""
    for name in ("unet", "vae", "text_encoder"):
        parts[name].float()
    diffusion = LatentDiffusion(**parts)
    z = diffusion.encode(pictures())
    assert z.dtype == torch.float64
    assert diffusion.denoiser(z, torch.tensor([5]), "red").dtype == torch.float64


def test_srgb_is_the_pictures_and_its_gradient_is_finite():
    colors = torch.tensor([-0.1, 0.0, 0.002, 0.0031308, 0.2, 1.0, 1.5], dtype=torch.float64, requires_grad=True)
    shown = linear_to_srgb(colors)
    np.testing.assert_allclose(shown.detach(), image_files.linear_to_srgb(colors.detach().numpy()), atol=1e-12)
    np.testing.assert_allclose(srgb_to_linear(shown).detach(), colors.detach(), atol=1e-8)
    shown.sum().backward()
    np.testing.assert_allclose(colors.grad[:2], 12.92)
    assert torch.isfinite(colors.grad).all()


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (pictures(size=9), InputError, "multiples of 2, as the VAE halves them, got 9 x 9: instead of 9 take 8 or 10"),
        (pictures(size=1), InputError, "instead of 1 take 2"),
        (pictures()[0], ShapeError, r"images: expected shape \(B, H, W, 3\), a picture or more, got \(8, 8, 3\)"),
        (pictures().permute(0, 3, 1, 2), ShapeError, r"got \(1, 3, 8, 8\)"),
        (pictures()[:0], ShapeError, r"got \(0, 8, 8, 3\)"),
        (np.zeros((1, 8, 8, 3)), ShapeError, "got ndarray"),
        (pictures() * math.nan, InputError, "images: item 0 of 1 has 192 numbers that are not finite"),
    ],
)
def test_bad_pictures(images, error, message, parts):
    with pytest.raises(error, match=message):
        LatentDiffusion(**parts).encode(images)


def test_pictures_that_are_warned_of(parts):
    diffusion = LatentDiffusion(**parts)
    with pytest.warns(UserWarning, match=r"images: numbers from .* to 1\.[0-9]*, the model knows \[0, 1\] alone"):
        diffusion.encode(pictures() * 2)
    with pytest.warns(UserWarning, match="the model knows 8 x 8 pixels and sees things differently in 16 x 4"):
        diffusion.encode(torch.full((1, 16, 4, 3), 0.5, dtype=torch.float64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        diffusion.encode(torch.ones(1, 8, 8, 3) + 1e-6)


def test_an_encoder_that_overflows_in_half_precision(parts):
    parts["vae"].half()
    with torch.no_grad():
        parts["vae"].encoder.conv_in.weight.fill_(6e4)
    with pytest.raises(
        InputError, match=r"vae: latents: item 0 of 1 has .* overflows in float16, take vae.to\(torch.f"
    ):
        LatentDiffusion(**parts).encode(pictures())


@pytest.mark.parametrize(
    ("x", "condition", "error", "message"),
    [
        (latents(2, 3), "red", ShapeError, r"x: expected shape \(B, 4, h, w\), got \(2, 3, 4, 4\)"),
        (latents(), ["red"], InputError, "a prompt for each of 2 pictures, got 1 prompts"),
        (latents(), ["red", 5], InputError, r"expected prompts, or a tensor \(B, L, D\), got int among"),
        (latents(), torch.zeros(1, 5, WIDTH), ShapeError, r"embeddings \(2, L, 6\), got \(1, 5, 6\)"),
        (latents(), torch.zeros(2, 5, 9), ShapeError, r"embeddings \(2, L, 6\), got \(2, 5, 9\)"),
    ],
)
def test_bad_questions(x, condition, error, message, parts):
    with pytest.raises(error, match=message):
        LatentDiffusion(**parts).denoiser(x, torch.tensor([1, 1]), condition)


def test_prompts_without_a_text_encoder(parts):
    diffusion = LatentDiffusion(parts["unet"], parts["vae"], parts["scheduler"])
    with pytest.raises(InputError, match=r"condition: there is no text encoder for \['red'\]: give text_encoder"):
        diffusion.denoiser(latents(), torch.tensor([1, 1]), ["red", "blue"])


@pytest.mark.parametrize(
    ("part", "make", "message"),
    [
        ("scheduler", lambda: diffusers.DDPMScheduler(prediction_type="flow"), "one of epsilon, .*, got 'flow'"),
        (
            "scheduler",
            diffusers.FlowMatchEulerDiscreteScheduler,
            "scheduler: expected .* alphas_cumprod, got FlowMatch",
        ),
        ("scheduler", lambda: SimpleNamespace(alphas_cumprod=[0.5, 0, 0.1], config=CONFIG), r"alphas_cumprod\[1\]"),
        ("unet", lambda: None, "unet: expected an object with config, dtype, device, got NoneType"),
        ("unet", lambda: unet(in_channels=9), "unet: expected 4 channels, as latents have, got 9: one for inpainting"),
        ("unet", lambda: unet(out_channels=5), "unet: expected 4 or 8 channels out, got 5"),
        ("unet", lambda: unet(class_embed_type="timestep"), "asks for more than prompts .*'timestep'"),
        ("vae", lambda: SimpleNamespace(config=1), "vae: expected an object with encode, .* got SimpleNamespace"),
        ("tokenizer", lambda: None, "tokenizer: expected an object with __call__, model_max_length, got NoneType"),
    ],
)
def test_bad_parts(part, make, message, parts):
    parts[part] = make()
    with pytest.raises(InputError, match=message):
        LatentDiffusion(**parts)


CONFIG = SimpleNamespace(prediction_type="epsilon")


def test_a_pipeline_without_a_unet():
    with pytest.raises(InputError, match="pipeline: expected an object with unet, got SimpleNamespace"):
        LatentDiffusion.of_pipeline(SimpleNamespace(scheduler=None))


def test_parts_in_training_mode_are_warned_of(parts):
    parts["unet"].train()
    with pytest.warns(UserWarning, match="unet: in training mode"):
        LatentDiffusion(**parts)
