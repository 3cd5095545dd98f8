using Easel.Cli;
using Easel.Cli.Commands;
using Easel.Cli.Terminal;
using Easel.Hub;
using Easel.Imaging;
using Easel.Pipeline;
using Easel.Sampling;

namespace Easel.Tests.Cli;

/// <summary>Guards what a person sees: help, completion, pace, pictures in characters, and what is meant by a mistyped word.</summary>
public sealed class TerminalTests
{
    [Fact]
    public void HelpNamesEveryCommandEveryFlagAndTheExitCodes()
    {
        var root = CommandLine.Root(Command.Shell());
        var page = Command.Run("--help").Out;
        Assert.Equal(page, Command.Run().Out);
        foreach (var command in root.Subcommands.Where(command => !command.Hidden))
        {
            Assert.Contains("  " + command.Name + " ", page);
            var (code, help, _) = Command.Run(command.Name, "--help");
            Assert.Equal(ExitCodes.Ok, code);
            Assert.All(command.Options.Where(option => !option.Hidden), option => Assert.Contains(option.Name, help));
            Assert.All(command.Options, option => Assert.False(string.IsNullOrWhiteSpace(option.Description), option.Name));
            Assert.Contains("130 cancelled", help);
        }
        Assert.Contains("read", Command.Run("watermark", "--help").Out);
        Assert.Contains("easel watermark read", Command.Run("watermark", "read", "--help").Out);
    }

    [Fact]
    public void VersionIsThatOfTheAssembly() => Assert.Matches(@"^easel \d+\.\d+\.\d+$", CommandLine.Version);

    [Theory]
    [InlineData("easel up", "upscale")]
    [InlineData("easel --samp", "--sampler")]
    [InlineData("easel txt2img --sampler euler", "euler", "euler_ancestral")]
    [InlineData("easel img2img --like ", "a1111-gpu", "compvis", "diffusers", "per-picture")]
    [InlineData("easel watermark ", "read", "write")]
    [InlineData("easel completion ", "bash", "fish", "pwsh", "zsh")]
    [InlineData("easel txt2img --steps ")]
    public void CompletionAnswers(string line, params string[] expected) => Assert.Equal(expected, CompletionCommand.Answers(line, null, Command.Shell()));

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    [InlineData("pwsh")]
    public void CompletionScriptsAskTheCommand(string shell)
    {
        var (code, script, _) = Command.Run("completion", shell);
        Assert.Equal(ExitCodes.Ok, code);
        Assert.Contains("easel complete --position", script);
        Assert.Equal("upscale\n", Command.Run("complete", "--position", "8", "--", "easel up nonsense").Out.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void SamplersAreListed()
    {
        var page = Command.Run("samplers").Out;
        Assert.All(Samplers.All, sampler => Assert.Contains(sampler.Name, page));
        Assert.All(Schedules.All, schedule => Assert.Contains(schedule.DisplayName, page));
        Assert.Contains("\"displayName\": \"DPM++ 2M\"", Command.Run("samplers", "--json").Out);
    }

    [Fact]
    public void PaceTellsSpeedAndTimeLeft()
    {
        var clock = new Clock();
        var pace = new Pace(clock);
        var progress = pace.Timed(new GenerationProgress(GenerationStage.Encoding, 0, 2, 0, 10, null));
        Assert.Equal("batch 1 of 2, reading the prompt", ProgressLine.Of(progress));
        for (var step = 1; step <= 5; step++)
        {
            clock.Now += TimeSpan.FromSeconds(2);
            progress = pace.Timed(new GenerationProgress(GenerationStage.Sampling, 0, 2, step, 10, null));
        }
        Assert.Equal("batch 1 of 2, step 5/10, 2.00 s/step, 0:30 left", ProgressLine.Of(progress));
        Assert.Equal((TimeSpan.FromSeconds(30), 0.25), (progress.Left, progress.Share));
    }

    [Theory]
    [InlineData(0, "0:00")]
    [InlineData(61.2, "1:02")]
    [InlineData(3723, "1:02:03")]
    public void Times(double seconds, string expected) => Assert.Equal(expected, Readable.Clock(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void PictureInCharacters()
    {
        var image = new RgbImage(1, 2, [255, 0, 0, 0, 0, 255]);
        Assert.Equal("\u001b[38;2;255;0;0;48;2;0;0;255m\u2580\u001b[0m\n", TerminalImage.Draw(image, 10, trueColor: true));
        Assert.Equal("\u001b[38;5;196;48;5;21m\u2580\u001b[0m\n", TerminalImage.Draw(image, 10, trueColor: false));
        Assert.Equal(4, TerminalImage.Draw(new RgbImage(64, 32), 16, trueColor: true).Count(c => c == '\n'));
        Assert.False(TerminalImage.IsPossible(Command.Shell()));
    }

    [Theory]
    [InlineData("--stesp", "--steps")]
    [InlineData("--stepz", "--steps")]
    [InlineData("--widht", "--width")]
    [InlineData("--frobnicate", null)]
    public void MistypedFlags(string word, string? meant) => Assert.Equal(meant, Similar.To(word, ["--steps", "--width", "--seed"]));

    private sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }
}
