using Easel.Sampling;
using static TorchSharp.torch;

namespace Easel.Tests.Sampling;

/// <summary>Guards how answers to the prompt and to the negative prompt are combined.</summary>
public class GuidanceTests
{
    /// <summary>Section 3.4 of arXiv 2305.08891, equations 14 to 16, computed by hand for each picture of a batch.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(0.7)]
    [InlineData(1)]
    public void ARescaleBringsBackTheSpreadOfThePromptsAnswer(double rescale)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3, CPU);
        var context = zeros(1, 2, 4);
        var (negative, positive) = (new Condition(context, null), new Condition(context, 1));
        var answers = new[] { 0, 1, 2, 3 }.Select(_ => randn([1, 4, 8, 8], generator: generator)).ToArray(); // negative, negative, positive, positive
        var guidance = new Guidance(7.5, _ => [new(0, negative), new(1, negative), new(0, positive), new(1, positive)], rescale);
        var guided = guidance.Answer(zeros(2, 4, 8, 8), new Evaluation(0, 0, 1), guides: true, (_, _) => cat(answers, dim: 0));
        for (var picture = 0; picture < 2; picture++)
        {
            var (without, with) = (answers[picture], answers[picture + 2]);
            var plain = without + 7.5 * (with - without);
            var rescaled = plain * (with.std() / plain.std());
            var expected = rescale * rescaled + (1 - rescale) * plain;
            Assert.True((expected - guided[picture..(picture + 1)]).abs().max().item<float>() < 1e-5);
            if (rescale == 1) Assert.Equal(with.std().item<float>(), guided[picture..(picture + 1)].std().item<float>(), 1e-5);
        }
    }
}
