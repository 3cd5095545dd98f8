using Easel.Metadata;

namespace Easel.Server.Sdapi;

/// <summary>The settings of a picture's text in a body's "infotext", which hold where the body itself does not name them.</summary>
internal static class InfotextFields
{
    public static T Apply<T>(T body) where T : DrawingBody
    {
        if (string.IsNullOrWhiteSpace(body.Infotext)) return body;
        var text = Infotext.Parse(body.Infotext);
        var request = body.Request;
        if (text.Settings.Count == 0)
        {
            body.Notes.Add("The infotext holds no settings; its words were taken as the prompt.");
        }
        else
        {
            var told = new PictureSettings("", text);
            var asked = told.ToRequest();
            foreach (var knob in Knobs.All)
                if (knob.InfotextKey is { } key && text[key] is not null && !body.Named.Contains(knob.Property)) request = knob.Set(request, knob.Get(asked));
            if (!body.Named.Contains(nameof(request.Height)) && asked.Height is { } height) request = request with { Height = height };
            if (!body.Named.Contains(nameof(request.HiresHeight)) && asked.HiresHeight is { } tall) request = request with { HiresHeight = tall };
            if (!body.Named.Contains(nameof(request.SeedResizeHeight)) && asked.SeedResizeHeight is { } from)
                request = request with { SeedResizeHeight = from };
            body.Notes.AddRange(told.NotUnderstood.Select(setting => $"\"{setting.Key}\" in the infotext is no setting here; it was passed over."));
            if (text["Model"] is { } model && body.OverrideSettings?.ContainsKey("sd_model_checkpoint") != true)
                body.Notes.Add($"The infotext names the model {model}; that of the options was drawn with.");
        }
        if (!body.Named.Contains(nameof(request.Prompts)) && text.Prompt.Length > 0) request = request with { Prompt = text.Prompt };
        if (!body.Named.Contains(nameof(request.NegativePrompt)) && text.NegativePrompt.Length > 0)
            request = request with { NegativePrompt = text.NegativePrompt };
        return body with { Request = request };
    }
}
