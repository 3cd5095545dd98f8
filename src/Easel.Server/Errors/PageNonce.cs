namespace Easel.Server.Errors;

/// <summary>The word by which a page marks its own scripts in one answer; nobody can know it beforehand.</summary>
internal static class PageNonce
{
    private static readonly object Key = new();

    /// <summary>The word of an answer.</summary>
    public static string Of(HttpContext context) => (string)(context.Items[Key] ??= Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)));
}
