using Easel.Server.Library;

namespace Easel.Server.Sdapi;

/// <summary>The networks that the web UI offers of itself and fetches when they are first used. Programs name them without
/// looking whether they are there.</summary>
internal static class SdapiUpscalers
{
    /// <summary>Their names there, each with that of the file which it stands for.</summary>
    private static readonly Dictionary<string, string> Own = new(StringComparer.OrdinalIgnoreCase)
    {
        ["R-ESRGAN 4x+"] = "RealESRGAN_x4plus",
        ["R-ESRGAN 4x+ Anime6B"] = "RealESRGAN_x4plus_anime_6B",
        ["R-ESRGAN 2x+"] = "RealESRGAN_x2plus",
        ["R-ESRGAN General 4xV3"] = "realesr-general-x4v3",
        ["R-ESRGAN General WDN 4xV3"] = "realesr-general-wdn-x4v3",
        ["R-ESRGAN AnimeVideo"] = "realesr-animevideov3",
        ["ESRGAN_4x"] = "ESRGAN",
        ["SwinIR_4x"] = "003_realSR_BSRGAN_DFOWMFC_s64w8_SwinIR-L_x4_GAN",
        ["SwinIR 4x"] = "003_realSR_BSRGAN_DFOWMFC_s64w8_SwinIR-L_x4_GAN",
        ["ScuNET"] = "scunet_color_real_gan",
        ["ScuNET PSNR"] = "scunet_color_real_psnr",
        ["LDSR"] = "ldsr",
        ["DAT x2"] = "DAT_x2",
        ["DAT x3"] = "DAT_x3",
        ["DAT x4"] = "DAT_x4",
    };

    /// <summary>The upscalers as they are listed: none, the plain ones, then the networks.</summary>
    public static IReadOnlyList<string> All(ModelLibrary library) =>
        [Extras.None, "Lanczos", "Nearest", .. library.Entries.Where(entry => entry.Use == ModelUse.Upscaler).Select(entry => entry.Name)];

    /// <summary>What a name stands for here: itself, the file that it means, or, where one of the web UI's own is not among the models, what comes with
    /// Easel.</summary>
    /// <param name="notes">Gets a sentence where something else enlarges than was named.</param>
    public static string Meant(string name, ModelLibrary library, ICollection<string> notes)
    {
        if (!Own.TryGetValue(name, out var file) || library.Find(name, ModelUse.Upscaler) is not null) return name;
        if (library.Find(file, ModelUse.Upscaler) is { } found) return found.Name;
        notes.Add($"There is no upscaler \"{name}\" here; {GenerationRequest.Enlargers[0]}, which comes with Easel, was used.");
        return GenerationRequest.Enlargers[0];
    }
}
