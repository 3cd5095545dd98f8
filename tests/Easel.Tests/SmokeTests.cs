namespace Easel.Tests;

public sealed class SmokeTests
{
    [Fact]
    public void LibtorchLoads() => Assert.Equal(3, TorchSharp.torch.zeros(3).shape[0]);
}
