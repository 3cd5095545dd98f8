using Easel.Sampling;
using Request = Easel.GenerationRequest;

namespace Easel;

/// <content>Rows of the second pass.</content>
public static partial class Knobs
{
    private static Knob[] Hires =>
    [
        new(nameof(Request.HiresScale))
        {
            Label = "Hires", Group = "Second pass",
            Noun = "enlargement of the second pass", Help = "enlarge each picture so many times and draw it over (hires fix)",
            Flags = ["--hires", "--hires-scale"], ValueName = "X", InfotextKey = "Hires upscale", SdapiName = "hr_scale", OpenAiName = "hires",
            McpName = "hires", Range = (1, 16), Step = 0.25, NoneWords = ["none", "0"],
            Check = r =>
            {
                if (r is { HasSecondPass: true, InitImage: not null })
                    throw new InvalidRequestException(nameof(r.HiresScale),
                        "A second pass goes with text to image; a picture is enlarged by drawing it larger.");
            },
        },
        new(nameof(Request.HiresWidth))
        {
            Label = "Hires width", Noun = "width of the second pass", Help = "the width after the second pass, in place of how many times",
            Flags = ["--hires-width"], InfotextKey = "Hires resize", SdapiName = "hr_resize_x", OpenAiName = "hires_width", McpName = "hires_width",
            Range = (64, Request.LargestSide), Step = 64, Unit = " pixels", NoneWords = ["0"], OnPage = false,
            Tell = told => (told.Request.HiresWidth ?? told.Request.HiresHeight) is null ? null
                : string.Create(CultureInfo.InvariantCulture, $"{told.Request.HiresWidth ?? 0}x{told.Request.HiresHeight ?? 0}"),
            Take = Metadata.RequestInfotext.WithHiresSize,
        },
        new(nameof(Request.HiresHeight))
        {
            Label = "Hires height", Noun = "height of the second pass", Help = "the height after the second pass", Flags = ["--hires-height"],
            SdapiName = "hr_resize_y", OpenAiName = "hires_height", McpName = "hires_height",
            Range = (64, Request.LargestSide), Step = 64, Unit = " pixels", NoneWords = ["0"], OnPage = false,
        },
        new(nameof(Request.HiresUpscaler))
        {
            Label = "Hires upscaler", Group = "Second pass", Noun = "upscaler of the second pass",
            Help = "what enlarges before the second pass: Built-in, Latent and its kin, Lanczos, Nearest or a network's file", Flags = ["--hires-upscaler"],
            ValueName = "NAME", InfotextKey = "Hires upscaler", SdapiName = "hr_upscaler", OpenAiName = "hires_upscaler", McpName = "hires_upscaler",
            Values = () => SecondPass.Enlargers, Needs = KnobNeeds.SecondPass, IsTold = r => r.HasSecondPass,
        },
        new(nameof(Request.HiresSteps))
        {
            Label = "Hires steps", Group = "Second pass", Noun = "number of steps of the second pass",
            Help = "steps of the second pass, all of which run; as many as in the first if left out",
            Flags = ["--hires-steps"], InfotextKey = "Hires steps", SdapiName = "hr_second_pass_steps", OpenAiName = "hires_steps", McpName = "hires_steps",
            Range = (1, 1000), NoneWords = ["0"], Needs = KnobNeeds.SecondPass,
        },
        new(nameof(Request.HiresSampler))
        {
            Label = "Hires sampler", Group = "Second pass",
            Noun = "sampler of the second pass", Help = "the sampler of the second pass; that of the first if left out",
            Flags = ["--hires-sampler"], ValueName = "NAME", InfotextKey = "Hires sampler", SdapiName = "hr_sampler_name", OpenAiName = "hires_sampler",
            McpName = "hires_sampler", NoneWords = ["Use same sampler"], Values = () => Samplers.All.Select(sampler => sampler.Name),
            Needs = KnobNeeds.SecondPass,
            Tell = told => told.Request is { HasSecondPass: true, HiresSampler: { } name } ? Samplers.Get(name).DisplayName : null,
            Check = r => { if (r.HiresSampler is { } name) _ = Samplers.Resolve(name); },
        },
        new(nameof(Request.HiresSchedule))
        {
            Label = "Hires schedule", Group = "Second pass",
            Noun = "noise schedule of the second pass", Help = "the noise schedule of the second pass; that of the first if left out",
            Flags = ["--hires-schedule"], ValueName = "NAME", InfotextKey = "Hires schedule type", SdapiName = "hr_scheduler",
            OpenAiName = "hires_schedule", McpName = "hires_schedule", NoneWords = ["Use same scheduler"],
            Values = () => Schedules.All.Select(schedule => schedule.Name), Needs = KnobNeeds.SecondPass,
            Tell = told => told.Request is { HasSecondPass: true, HiresSchedule: { } name } && !Schedules.IsAutomatic(name)
                ? Schedules.Get(name).DisplayName : null,
            Check = r => { if (r.HiresSchedule is { } name && !Schedules.IsAutomatic(name)) _ = Schedules.Get(name); },
        },
        new(nameof(Request.HiresGuidanceScale))
        {
            Label = "Hires guidance", Group = "Second pass", Noun = "guidance scale of the second pass",
            Help = "how strongly the prompt pulls in the second pass; as in the first if left out",
            Flags = ["--hires-cfg"], InfotextKey = "Hires CFG Scale", SdapiName = "hr_cfg", OpenAiName = "hires_guidance", McpName = "hires_guidance",
            Range = (0, 100), Step = 0.5, Needs = KnobNeeds.SecondPass,
        },
        new(nameof(Request.HiresPrompt))
        {
            Label = "Hires prompt", Group = "Second pass",
            Noun = "prompt of the second pass", Help = "the prompt of the second pass; that of the first if left out",
            Flags = ["--hires-prompt"], InfotextKey = "Hires prompt", SdapiName = "hr_prompt", OpenAiName = "hires_prompt", McpName = "hires_prompt",
            Needs = KnobNeeds.SecondPass,
        },
        new(nameof(Request.HiresNegativePrompt))
        {
            Label = "Hires negative prompt", Group = "Second pass", Noun = "negative prompt of the second pass",
            Help = "the negative prompt of the second pass; that of the first if left out", Flags = ["--hires-negative"],
            InfotextKey = "Hires negative prompt", SdapiName = "hr_negative_prompt", OpenAiName = "hires_negative_prompt", McpName = "hires_negative_prompt",
            Needs = KnobNeeds.SecondPass,
        },
    ];
}
