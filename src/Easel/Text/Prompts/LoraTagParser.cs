using Easel.Weights.Lora;

namespace Easel.Text.Prompts;

/// <summary>Reads the tags by which prompts call LoRAs, as AUTOMATIC1111/stable-diffusion-webui 1.10 does (<c>modules/extra_networks.py</c>,
/// <c>extensions-builtin/Lora/extra_networks_lora.py</c>) and, for the parts of a model and the steps, hako-mikan/sd-webui-lora-block-weight.</summary>
internal static partial class LoraTagParser
{
    [GeneratedRegex(@"<(?:lora|lyco):[^<>\s]+", RegexOptions.IgnoreCase)]
    private static partial Regex Unclosed();

    /// <inheritdoc cref="PromptParser.ExtractLoras"/>
    public static LoraTags Extract(string prompt)
    {
        List<LoraTag> loras = [];
        List<string> remarks = [];
        prompt = PromptParser.WithoutComments(prompt, remarks);
        var (rest, at) = (new StringBuilder(prompt.Length), 0);
        foreach (var (start, kind, arguments, end) in Tags(prompt))
        {
            var tag = PromptParser.Cut(prompt[start..end]);
            rest.Append(prompt, at, start - at);
            at = end;
            if (kind is not ("lora" or "lyco")) remarks.Add($"The prompt's {tag} is nothing that Easel knows; it was passed over.");
            else if (Parse(tag, arguments, remarks) is { } lora) loras.Add(lora);
        }
        var text = rest.Append(prompt, at, prompt.Length - at).ToString();
        foreach (Match open in Unclosed().Matches(text))
            remarks.Add($"The prompt's {PromptParser.Cut(open.Value)} is not closed by a \">\", so that it is read as words.");
        return new LoraTags(text, loras, remarks);
    }

    /// <summary>The tags <c>&lt;kind:arguments&gt;</c> of a text, found without looking at anything twice, as an expression would that tries each
    /// bracket.</summary>
    private static IEnumerable<(int Start, string Kind, string Arguments, int End)> Tags(string text)
    {
        for (var at = text.IndexOf('<'); at >= 0; at = text.IndexOf('<', at))
        {
            var colon = at + 1;
            while (colon < text.Length && (char.IsLetterOrDigit(text[colon]) || text[colon] == '_')) colon++;
            Effort.Add(colon - at);
            if (colon == at + 1 || colon == text.Length || text[colon] != ':')
            {
                at = colon;
                continue;
            }
            var (start, end) = (at, text.IndexOf('>', colon));
            Effort.Add((end < 0 ? text.Length : end) - colon);
            if (end < 0) yield break; // nor does any behind it
            at = end + 1;
            if (end > colon + 1) yield return (start, text[(start + 1)..colon], text[(colon + 1)..end], end + 1);
        }
    }

    private static LoraTag? Parse(string tag, string arguments, List<string> remarks)
    {
        List<string> inOrder = [];
        var named = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var argument in arguments.Split(':'))
        {
            if (argument.Split('=') is [var name, var value]) named[name.Trim()] = value.Trim();
            else inOrder.Add(argument.Trim());
        }
        if (inOrder.Count == 0 || inOrder[0].Length == 0) return Passed("it names no LoRA");

        // A third argument may stand for the UNet's weight or, as that extension has it, for block weights.
        var third = inOrder.ElementAtOrDefault(2);
        var blockText = named.GetValueOrDefault("lbw") ?? named.GetValueOrDefault("w") ?? (third is not null && Number(third) is null ? third : null);
        var text = Weight(named.GetValueOrDefault("te") ?? inOrder.ElementAtOrDefault(1), 1);
        var unet = Weight(named.GetValueOrDefault("unet") ?? (blockText == third ? null : third), text);
        if (double.IsNaN(text + unet)) return null;

        var (start, stop) = (named.GetValueOrDefault("start"), named.GetValueOrDefault("stop"));
        if (named.TryGetValue("step", out var both))
        {
            if (both.Split('-') is [var from, var to]) (start, stop) = (from, to);
            else Tell($"step={both}");
        }
        foreach (var (name, value) in named)
            if (name is not ("te" or "unet" or "dyn" or "lbw" or "w" or "start" or "stop" or "step")) Tell($"{name}={value}");
        var rank = named.GetValueOrDefault("dyn") ?? inOrder.ElementAtOrDefault(3);
        return new LoraTag(inOrder[0], text, unet)
        {
            Blocks = Blocks(blockText),
            Rank = rank is null ? null
                : int.TryParse(rank, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0 ? count : Without<int?>($"dyn={rank}"),
            Start = start is null ? null : LoraStep.TryParse(start) ?? Without<LoraStep?>($"start={start}"),
            Stop = stop is null ? null : LoraStep.TryParse(stop) ?? Without<LoraStep?>($"stop={stop}"),
        };

        double Weight(string? written, double otherwise)
        {
            if (written is null) return otherwise;
            if (Number(written) is { } number) return number;
            Passed($"\"{written}\" is no number");
            return double.NaN;
        }

        BlockWeights? Blocks(string? written)
        {
            if (written is null) return null;
            if (BlockWeights.TryParse(written) is { } blocks) return blocks;
            remarks.Add($"The prompt's {tag} is used without its block weights \"{written}\"; they can be {BlockWeights.Allowed}.");
            return null;
        }

        LoraTag? Passed(string why)
        {
            remarks.Add($"The prompt's {tag} was passed over: {why}.");
            return null;
        }

        T? Without<T>(string part)
        {
            Tell(part);
            return default;
        }

        void Tell(string part) => remarks.Add($"The prompt's {tag} is used without its {part}, which means nothing here.");
    }

    private static double? Number(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;
}
