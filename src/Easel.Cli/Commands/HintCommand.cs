using Easel.Cli.Options;
using Easel.Cli.Runs;
using Easel.Cli.Terminal;
using Easel.Imaging;

namespace Easel.Cli.Commands;

/// <summary><c>easel hint</c>: makes the hint that a network of control would be given, to look at it or to keep it.</summary>
internal static class HintCommand
{
    public static Command Create(Shell shell)
    {
        var kind = new Argument<string>("kind") { Description = string.Join(", ", HintInfo.All.Skip(1).Select(row => row.Word)) };
        var input = new Argument<string>("picture");
        var output = new Argument<string>("output");
        var resolution = Flags.Whole("pixels of the shorter side at which it is made (default: the picture's own)", "--resolution");
        var first = Flags.Number("the kind's first number, such as Canny's low threshold", "--low", "--threshold-a");
        var second = Flags.Number("the kind's second number, such as Canny's high threshold", "--high", "--threshold-b");
        var depth = Flags.Text("FILE", "the depth estimator (MiDaS), for depth", "--depth-model");
        var force = Flags.Switch("replace a file that is there", "--force");
        return new PlainCommand("hint", "make a hint for a ControlNet of a picture",
            new HelpNotes("KIND PICTURE OUTPUT [flags]",
                ["easel hint canny photo.jpg edges.png", "easel hint depth photo.jpg near.png --depth-model midas.pt"]),
            [kind, input, output, resolution, first, second, depth, force], parsed =>
        {
            var named = parsed.GetRequiredValue(kind);
            var row = HintInfo.Find(named) ?? throw new UsageException($"There is no hint of the kind '{named}'; there are {kind.Description}.");
            var picture = Inputs.Read(() => ImageFile.Load(parsed.GetRequiredValue(input)));
            var to = parsed.GetRequiredValue(output);
            _ = Inputs.Read(() => ImageFile.FormatOf(to));
            OutputFiles.RequirePlace(to, parsed.GetValue(force));
            var hint = Hint.Make(picture, row.Kind, parsed.GetValue(resolution), parsed.GetValue(first), parsed.GetValue(second), parsed.GetValue(depth));
            if (parsed.GetValue(force)) ImageFile.Save(to, hint);
            else if (!ImageFile.TrySave(to, hint)) throw new UsageException(OutputFiles.IsThere(to));
            shell.Out.WriteLine(to);
        });
    }
}
