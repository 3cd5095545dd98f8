namespace Easel.Cli.Options;

/// <summary>Turns what the parser found wrong into one sentence.</summary>
internal static class ParseErrors
{
    /// <summary>Throws if a command line did not parse, or if it holds a flag that nobody knows, which the parser takes for a word.</summary>
    public static void Throw(ParseResult parsed, string[] args)
    {
        var command = parsed.CommandResult.Command;
        if (UnknownFlag(parsed, args) is { } flag)
        {
            var known = command.Options.Where(option => !option.Hidden).SelectMany(option => option.Aliases.Append(option.Name))
                .Where(name => name.StartsWith("--", StringComparison.Ordinal));
            var meant = Similar.To(flag.Split('=')[0], known);
            var hint = meant is null ? $"{Called(command)} --help lists what there is" : $"did you mean {meant}?";
            throw new UsageException($"There is no flag {flag.Split('=')[0]} in {Called(command)}; {hint}{(meant is null ? "." : "")}");
        }
        if (parsed.Errors.Count == 0) return;

        var error = parsed.Errors[0];
        throw new UsageException(error.SymbolResult switch
        {
            OptionResult { Tokens.Count: 0 } option when error.Message.StartsWith("Required", StringComparison.Ordinal) =>
                $"{option.IdentifierToken?.Value ?? option.Option.Name} needs a value.",
            ArgumentResult argument when error.Message.StartsWith("Required", StringComparison.Ordinal) =>
                $"{Called(command)} needs a {argument.Argument.Name.ToLowerInvariant()}; see {Called(command)} --help.",
            CommandResult when parsed.UnmatchedTokens.Count > 0 => Unmatched(command, parsed.UnmatchedTokens[0]),
            CommandResult result => Missing(result, error),
            _ => error.Message,
        });
    }

    /// <summary>A word that begins with a dash and is neither a known flag nor the value of one. Behind "--" there are only words.</summary>
    private static string? UnknownFlag(ParseResult parsed, string[] args)
    {
        var end = Array.IndexOf(args, "--");
        var before = (end < 0 ? args : args[..end]).ToHashSet();
        return parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens).Select(token => token.Value)
            .Concat(parsed.UnmatchedTokens).FirstOrDefault(word => word.Length > 1 && word[0] == '-' && !word.Contains(' ') && before.Contains(word));
    }

    private static string Unmatched(Command command, string word) =>
        command.Subcommands.Count > 0 && Similar.To(word, command.Subcommands.Select(c => c.Name)) is { } meant
            ? $"There is no '{word}' in {Called(command)}; did you mean '{meant}'?"
        : $"'{word}' is a word too many; see {Called(command)} --help.";

    private static string Missing(CommandResult result, ParseError error) => result.Command.Subcommands.Count > 0
        ? $"{Called(result.Command)} needs one of: {string.Join(", ", result.Command.Subcommands.Select(c => c.Name))}."
        : error.Message;

    /// <summary>A command as it is called: "easel farm push".</summary>
    private static string Called(Command command) => command.Parents.OfType<Command>().FirstOrDefault() is { } above ? $"{Called(above)} {command.Name}"
        : "easel";
}
