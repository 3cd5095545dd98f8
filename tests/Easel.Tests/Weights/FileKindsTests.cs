using System.Text;
using Easel.Metadata;
using Easel.Tests.Support;
using Easel.Weights.Formats;

namespace Easel.Tests.Weights;

/// <summary>Guards that a file is known by its content, and that one which is no model is called what it is.</summary>
public sealed class FileKindsTests
{
    public static TheoryData<string, byte[], string> Strangers() => new()
    {
        { "Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4265380512\n"u8.ToArray(), "Git LFS pointer" },
        { "web page", "\n<!DOCTYPE html><html>"u8.ToArray(), "web page" },
        { "tar", [.. new byte[257], .. "ustar  \0"u8, .. new byte[300]], "tar archive" },
        { "gzip", [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0], "gzip" },
        { "zeros", new byte[5000], "zeros" },
        { "JSON", "{\"error\": \"no\"}"u8.ToArray(), "JSON" },
        { "zip of something else", Mutations.Deflated(Pickles.Zip(p => p.Code("}"))[..0]), "zip archive without a data.pkl" },
        { "pickle of something else", Pickles.Of(p => p.Code("]")), "not one that PyTorch writes" },
        { "text", Encoding.UTF8.GetBytes("hello, this is a text"), "not a model file" },
        { "safetensors without a header", [8, 0, 0, 0, 0, 0, 0, 0, .. "[1,2,3] "u8], "does not begin with '{'" },
        { "nothing", [], "is empty" },
        { "three bytes", [1, 2, 3], "only 3 bytes" },
    };

    [Theory]
    [MemberData(nameof(Strangers))]
    public void AStrangerIsCalledWhatItIs(string what, byte[] content, string said)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("model.safetensors", content);
        var message = Assert.Throws<CheckpointException>(() => TensorFile.Open(path)).Message;
        Assert.Contains(said, message, StringComparison.Ordinal);
        Assert.True(message.StartsWith($"'{path}' ", StringComparison.Ordinal), what);
    }

    /// <summary>Names of tensors that files of each kind have.</summary>
    [Theory]
    [InlineData("a Z-Image model", "x_pad_token", "cap_pad_token", "noise_refiner.0.attention.qkv.weight", "cap_embedder.1.weight")]
    [InlineData("a Lumina model", "noise_refiner.0.attention.k_norm.weight", "cap_embedder.1.weight")]
    [InlineData("a Qwen-Image model", "transformer_blocks.0.img_mod.1.weight", "txt_norm.weight")]
    [InlineData("a Chroma model", "distilled_guidance_layer.in_proj.weight", "double_blocks.0.img_attn.norm.key_norm.scale")]
    [InlineData("a Flux model", "model.diffusion_model.double_blocks.0.img_attn.norm.key_norm.scale")]
    [InlineData("a Flux model", "single_transformer_blocks.0.attn.to_q.weight", "transformer_blocks.0.attn.add_k_proj.weight")]
    [InlineData("a Stable Diffusion 3 model", "model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight")]
    [InlineData("an AuraFlow model", "model.double_layers.0.attn.w1q.weight", "cond_seq_linear.weight")]
    [InlineData("a Stable Cascade model", "clip_txt_mapper.weight", "clf.1.weight")]
    [InlineData("a PixArt model", "adaln_single.emb.timestep_embedder.linear_1.weight", "caption_projection.linear_1.weight", "pos_embed.proj.weight")]
    [InlineData("an LTX-Video model", "model.diffusion_model.patchify_proj.weight")]
    [InlineData("a Wan model", "text_embedding.0.weight", "patch_embedding.weight", "blocks.0.self_attn.q.weight", "head.modulation")]
    [InlineData("a HunyuanVideo model", "txt_in.individual_token_refiner.blocks.0.norm1.weight", "double_blocks.0.img_attn_qkv.weight")]
    [InlineData("an IP-Adapter", "image_proj.proj.weight", "ip_adapter.1.to_k_ip.weight")]
    [InlineData("an IP-Adapter", "ip_adapter.0.to_q_lora.down.weight", "ip_adapter.1.to_k_ip.weight")]
    [InlineData("a T2I-Adapter", "body.0.block1.weight", "conv_in.weight")]
    [InlineData("a T2I-Adapter", "adapter.body.0.resnets.0.block1.weight")]
    [InlineData("a ControlNet", "control_model.input_hint_block.0.weight")]
    [InlineData("a ControlNet-LLLite", "lllite_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.down.0.weight")]
    [InlineData("an ESRGAN upscaler", "model.1.sub.0.RDB1.conv1.0.weight")]
    [InlineData("an upscaler of the kind SwinIR", "layers.0.residual_group.blocks.0.norm1.weight")]
    [InlineData("an upscaler of the kind HAT", "layers.0.residual_group.overlap_attn.norm1.weight", "layers.0.residual_group.blocks.0.norm1.weight")]
    [InlineData("an upscaler of the kind DAT", "layers.0.blocks.0.attn.attns.0.pos.pos_proj.weight")]
    [InlineData("an upscaler of the kind SPAN", "block_1.c1_r.sk.weight")]
    [InlineData("GFPGAN", "stylegan_decoder.style_mlp.1.weight")]
    [InlineData("CodeFormer", "idx_pred_layer.1.weight", "position_emb")]
    [InlineData("a tiny autoencoder", "decoder.layers.0.weight")]
    [InlineData("an autoencoder (VAE) alone", "decoder.up.0.block.0.norm1.weight", "encoder.conv_in.weight")]
    [InlineData("a text encoder alone", "text_model.encoder.layers.0.mlp.fc1.weight")]
    [InlineData("a T5 text encoder", "encoder.block.0.layer.0.SelfAttention.q.weight")]
    [InlineData("a CLIP vision tower", "vision_model.encoder.layers.0.mlp.fc1.weight")]
    [InlineData("a motion module", "down_blocks.0.motion_modules.0.temporal_transformer.norm.weight")]
    public void AFileOfTensorsIsCalledByItsKind(string said, params string[] names) =>
        Assert.Contains(said, Easel.Weights.FileKind.Of(names)?.What, StringComparison.Ordinal);

    [Fact]
    public void TheExtensionPlaysNoPart()
    {
        using var folder = new TemporaryFolder();
        using var zip = TensorFile.Open(folder.Write("a.safetensors", File.ReadAllBytes(Goldens.Path("sd1-formats/edge.ckpt"))));
        using var legacy = TensorFile.Open(folder.Write("b.safetensors", File.ReadAllBytes(Goldens.Path("sd1-formats/edge.legacy.ckpt"))));
        using var safetensors = TensorFile.Open(folder.Write("c.ckpt", File.ReadAllBytes(Goldens.Path("sd1-formats/edge.expected.safetensors"))));
        Assert.Equal(zip.Tensors.Keys, legacy.Tensors.Keys);
        Assert.Equal(zip.Tensors.Count, safetensors.Tensors.Count);
    }

    [Fact]
    public void FoldersAndMissingFilesAreSaid()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("is a folder", Assert.Throws<CheckpointException>(() => TensorFile.Open(folder.Path())).Message);
        Assert.Contains("There is no model file", Assert.Throws<CheckpointException>(() => TensorFile.Open(folder.Path("none.ckpt"))).Message);
    }

    /// <summary>A terminal obeys control characters, and names come from the file.</summary>
    [Fact]
    public void NamesInMessagesAreHarmless()
    {
        Assert.Equal("a?[31mb?c ü", Quoted.Text("a\u001b[31mb\u202ec ü"));
        Assert.Equal(123, Quoted.Text(new string('x', 1000)).Length);
    }

    [Fact]
    public void TheHashIsThatOfTheWholeFile()
    {
        using var folder = new TemporaryFolder();
        var (path, told) = (folder.Write("a", "abc"u8.ToArray()), 0L);
        var hash = ModelHash.Sha256(path, done => told = done);
        Assert.Equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", hash);
        Assert.Equal(("ba7816bf8f", 3L), (ModelHash.Short(hash), told));
        Assert.Throws<CheckpointException>(() => ModelHash.Sha256(folder.Path("none")));
        Assert.Throws<OperationCanceledException>(() => ModelHash.Sha256(path, cancel: new CancellationToken(true)));
    }
}
