namespace Easel.Server.Errors;

/// <summary>Says in the language of whoever asks what a page without a script says.</summary>
internal interface IPlainTexts
{
    /// <summary>The tag of the language, as "de".</summary>
    string LanguageOf(HttpContext context);

    /// <summary>A text in that language.</summary>
    /// <param name="english">What it is in English.</param>
    string Said(HttpContext context, string english);
}
