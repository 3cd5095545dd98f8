using Easel.Server.Errors;

namespace Easel.Server.Page;

/// <summary>The texts of the login and of what is told where something is not found or not done.</summary>
internal sealed class PlainTexts : IPlainTexts
{
    /// <summary>All of them, beside the sentences of <see cref="Refusals"/>.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "Easel: log in", "Log in", "User", "Password", "Token", "It was given to Easel when it was started (--token).", "The user or the password is wrong.",
        "The token is wrong.", "You are logged in", "To the page", "Log out here", "Log out everywhere", "To the drawing page", .. Problem.Titles,
    ];

    public string LanguageOf(HttpContext context) => Texts.For(context.Request);

    public string Said(HttpContext context, string english)
    {
        var texts = new Texts { Language = LanguageOf(context) };
        return texts[english] is var said && said != english ? said : Refusals.Said(english, texts);
    }
}
