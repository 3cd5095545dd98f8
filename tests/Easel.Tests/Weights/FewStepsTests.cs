using Easel.Weights;

namespace Easel.Tests.Weights;

/// <summary>Guards that a model or a LoRA that was made for few steps is known by what it is called, and that one of another subject is not taken for
/// one.</summary>
public sealed class FewStepsTests
{
    [Theory]
    [InlineData("sd_turbo", "Turbo 1 euler_ancestral trailing 1")]
    [InlineData("sd_xl_turbo_1.0_fp16", "Turbo 1 euler_ancestral trailing 1")]
    [InlineData("dreamshaperXL_turboDpmppSDE", "Turbo 4 euler_ancestral trailing 1")]
    [InlineData("sdxl_lightning_4step", "Lightning 4 euler trailing 1")]
    [InlineData("sdxl_lightning_8step_unet", "Lightning 8 euler trailing 1")]
    [InlineData("dreamshaperXL_lightningDPMSDE", "Lightning 4 euler trailing 1")]
    [InlineData("Hyper-SDXL-1step-Unet", "Hyper 1 ddim trailing 1")]
    [InlineData("realvisXL_v4Hyper_6step", "Hyper 6 ddim trailing 1")]
    [InlineData("dmd2_sdxl_4step_unet", "DMD2 4 lcm trailing 1")]
    [InlineData("LCM_Dreamshaper_v7_4k", "LCM 4 lcm  1")]
    [InlineData("photonLCM_v10", "LCM 4 lcm  1")]
    [InlineData("sdxs-512-0.9", "SDXS 1 euler trailing 1")]
    [InlineData("hyperrealism_v3", null)]
    [InlineData("hyperRealistic", null)]
    [InlineData("v1-5-pruned-emaonly", null)]
    [InlineData("calcmodel", null)]
    [InlineData("dreamshaper_8", null)]
    public void OfACheckpoint(string name, string? expected) => Assert.Equal(expected, Said(FewSteps.OfModel(name)));

    [Theory]
    [InlineData("lcm-lora-sdv1-5", "LCM 4 lcm  1")]
    [InlineData("Hyper-SD15-8steps-lora", "Hyper 8 ddim trailing 1")]
    [InlineData("Hyper-SD15-12steps-CFG-lora", "Hyper 12 ddim trailing 5")]
    [InlineData("TCD-SD15-LoRA", "TCD 4 tcd  1")]
    [InlineData("sdxl_lightning_2step_lora", "Lightning 2 euler trailing 1")]
    [InlineData("lightning_bolts", null)]
    [InlineData("turbocharger", null)]
    [InlineData("hyper_detail", null)]
    public void OfALora(string name, string? expected) => Assert.Equal(expected, Said(FewSteps.OfLora(name)));

    [Fact]
    public void OneStepOfLightningPredictsTheCleanPicture()
    {
        Assert.True(FewSteps.OfModel("sdxl_lightning_1step_x0")!.PredictsSample);
        Assert.False(FewSteps.OfModel("sdxl_lightning_2step")!.PredictsSample);
    }

    private static string? Said(FewSteps? way) => way is null ? null : $"{way.Kind} {way.Steps} {way.Sampler} {way.Schedule} {way.GuidanceScale}";
}
