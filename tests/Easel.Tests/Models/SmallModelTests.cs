using Easel.Metadata;
using Easel.Models;
using Easel.Pipeline;

namespace Easel.Tests.Models;

/// <summary>Guards that a model of small pictures draws what it knows and no rag: larger pictures are enlarged, unless the exact size is asked for.</summary>
public sealed class SmallModelTests
{
    private static readonly ModelFamily Small = ModelFamily.Sd1 with { NativeSize = 128 };

    [Theory]
    [InlineData(512, 512, 128, 128)]
    [InlineData(512, 768, 104, 160)]
    [InlineData(2048, 512, 256, 64)]
    [InlineData(192, 192, 128, 128)]
    [InlineData(184, 184, 184, 184)] // near enough
    [InlineData(192, 128, 192, 128)]
    public void ALargePictureIsDrawnAtTheModelsOwnSizeInItsShape(int width, int height, int wide, int high)
    {
        var canvas = Canvas.For(new GenerationRequest { Width = width, Height = height }, Small);
        Assert.Equal((wide, high), (canvas.Width, canvas.Height));
        Assert.Equal((width, height), (canvas.ResultWidth, canvas.ResultHeight));
        Assert.Equal((wide, high) != (width, height), canvas.Grows);
        Assert.Equal(canvas.Grows, canvas.Remark?.Contains($"enlarged to {width}x{height}", StringComparison.Ordinal) == true);
    }

    [Fact]
    public void AnExactSizeASecondPassAndAModelOfLargePicturesDrawWhatIsAsked()
    {
        var request = new GenerationRequest { Width = 512, Height = 512 };
        Assert.False(Canvas.For(request with { ExactSize = true }, Small).Grows);
        Assert.False(Canvas.For(request with { HiresScale = 2 }, Small).Grows);
        Assert.False(Canvas.For(request with { Width = 2048, Height = 2048 }, ModelFamily.Sd1).Grows);
    }

    [Fact]
    public void ThePicturesTextTellsItAndMakesTheSameRequest()
    {
        var request = new GenerationRequest { Width = 512, Height = 512, Steps = 1, Sampler = "euler", GuidanceScale = 3, Seed = 5 };
        foreach (var asked in (GenerationRequest[])[request, request with { ExactSize = true }])
        {
            var image = new GeneratedImage(new Easel.Imaging.RgbImage(512, 512), asked, "a cat", 5, 0, HasWatermark: false)
            {
                Enlarged = asked.ExactSize ? null : "from 128x128 by Lanczos",
            };
            var text = RequestInfotext.ToInfotext(image, "sketch", null);
            Assert.Equal(image.Enlarged, text["Enlarged"]);
            Assert.Equal(asked.ExactSize, RequestInfotext.FromInfotext(text).ExactSize);
        }
    }
}
