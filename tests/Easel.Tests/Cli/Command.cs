using Easel.Cli;
using Easel.Cli.Commands;
using Easel.Cli.Options;
using Easel.Cli.Runs;
using Easel.Imaging;

namespace Easel.Tests.Cli;

/// <summary>Runs the command inside the test's process.</summary>
internal static class Command
{
    /// <summary>A shell whose streams are texts; no variable of the machine that runs the tests reaches it.</summary>
    public static Shell Shell(string input = "", IReadOnlyDictionary<string, string>? variables = null, CancellationToken cancel = default) => new()
    {
        Out = new StringWriter(),
        Error = new StringWriter(),
        In = new StringReader(input),
        Variable = name => variables?.GetValueOrDefault(name),
        Cancel = cancel,
    };

    /// <summary>The exit code and what was printed.</summary>
    public static (int Code, string Out, string Error) Run(Shell shell, params string[] args)
    {
        var code = CommandLine.Run(args, shell);
        return (code, shell.Out.ToString()!, shell.Error.ToString()!);
    }

    /// <inheritdoc cref="Run(Shell, string[])"/>
    public static (int Code, string Out, string Error) Run(params string[] args) => Run(Shell(), args);

    /// <summary>What a drawing command line says.</summary>
    public static DrawSettings Read(params string[] args)
    {
        var root = CommandLine.Root(Shell());
        var parsed = root.Parse(CommandLine.Completed(args, root), CommandLine.Configuration);
        ParseErrors.Throw(parsed, args);
        return DrawCommand.Read(parsed);
    }

    /// <summary>A line as it would be typed.</summary>
    public static DrawSettings ReadLine(string line) => Read([.. System.CommandLine.Parsing.CommandLineParser.SplitCommandLine(line).Skip(1)]);

    /// <summary>
    /// The request of a line, for a model of the first generation unless told otherwise, with a gray picture for every picture that it names.
    /// </summary>
    public static GenerationRequest Request(string line, Easel.Models.ModelFamily? family = null, (int Width, int Height)? picture = null,
        params string[] prompts)
    {
        var settings = ReadLine(line);
        var (width, height) = picture ?? (512, 512);
        var inputs = new Inputs(settings.FromFile is null ? null : prompts, settings.Init is null ? null : new RgbImage(width, height), null, null);
        return RequestBuilder.Build(settings, Profile.For(settings, family is null ? null : ModelInfo.Of(family, null)), inputs);
    }
}
