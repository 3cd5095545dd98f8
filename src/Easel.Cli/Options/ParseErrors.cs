using Easel.Cli.Terminal;

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
            var hint = meant is null ? $"easel {HelpPage.PathOf(command)} --help lists what there is" : $"did you mean {meant}?";
            throw new UsageException($"There is no flag {flag.Split('=')[0]} in easel {HelpPage.PathOf(command)}; {hint}{(meant is null ? "." : "")}");
        }
        if (parsed.Errors.Count == 0) return;

        var error = parsed.Errors[0];
        throw new UsageException(error.SymbolResult switch
        {
            OptionResult { Tokens.Count: 0 } option when error.Message.StartsWith("Required", StringComparison.Ordinal) =>
                $"{option.IdentifierToken?.Value ?? option.Option.Name} needs a value.",
            ArgumentResult argument when error.Message.StartsWith("Required", StringComparison.Ordinal) =>
                $"easel {HelpPage.PathOf(command)} needs {argument.Argument.Name.ToUpperInvariant()}; {Usage(command)}.",
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

    /// <summary>Throws if help is asked for on a command that there is none of: "help nope", "models nope --help".</summary>
    public static void ThrowIfNoCommand(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        if (command.Subcommands.Count > 0 && parsed.UnmatchedTokens.FirstOrDefault(word => !word.StartsWith('-')) is { } word)
            throw new UsageException(Unmatched(command, word));
    }

    private static string Unmatched(Command command, string word)
    {
        if (command.Subcommands.Count == 0) return $"'{word}' is a word too many; {Usage(command)}.";
        var there = command.Subcommands.Where(sub => !sub.Hidden).SelectMany(sub => sub.Aliases.Append(sub.Name));
        var hint = Similar.To(word, there) is { } meant ? $"did you mean '{meant}'?" : command is RootCommand ? "easel --help lists what there is."
            : $"there {(command.Subcommands.Count == 1 ? "is" : "are")} {string.Join(", ", command.Subcommands.Select(sub => sub.Name))}.";
        return command is RootCommand ? $"There is no command '{word}'; {hint}" : $"There is no '{word}' in easel {HelpPage.PathOf(command)}; {hint}";
    }

    /// <summary>How a command is called, for the end of a sentence.</summary>
    private static string Usage(Command command) => command is IHasHelp { Notes.Usage: { } usage }
        ? $"it is called as easel {HelpPage.PathOf(command)} {usage}" : $"see easel {HelpPage.PathOf(command)} --help";

    private static string Missing(CommandResult result, ParseError error) => result.Command.Subcommands.Count > 0
        ? $"easel {HelpPage.PathOf(result.Command)} needs one of: {string.Join(", ", result.Command.Subcommands.Select(c => c.Name))}."
        : error.Message;
}
