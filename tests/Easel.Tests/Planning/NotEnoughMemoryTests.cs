using System.Runtime.InteropServices;
using Easel.Cli;

namespace Easel.Tests.Planning;

/// <summary>
/// Guards what is said where memory does not suffice: in neutral words by the library, with what would help as data, and with flags by the command line.
/// </summary>
public sealed class NotEnoughMemoryTests
{
    [Fact]
    public void ARunIsToldWhatWouldFit()
    {
        var many = NotEnoughMemoryException.ForRun((1024, 512), 3L << 30, 1L << 30, many: true, side: 256);
        Assert.Equal("Drawing 1024x512 needs about 3.0 GB of memory, the model included, and 1.0 GB are free; fewer pictures at once would fit.", many.Message);
        Assert.Equal((nameof(GenerationRequest.BatchSize), null, 3L << 30, 1L << 30), (many.Field, many.Fitting, many.Needed!.Value, many.Available!.Value));
        var large = NotEnoughMemoryException.ForRun((1024, 512), 3e9, 1e9, many: false, side: 256);
        Assert.EndsWith("; 256x256 would fit.", large.Message);
        Assert.Equal((nameof(GenerationRequest.Width), (object)256), (large.Field, large.Fitting));
        var close = NotEnoughMemoryException.ForRun((1024, 512), 612.2e6, 611.8e6, many: false, side: null);
        Assert.StartsWith("Drawing 1024x512 needs about 584 MB of memory, the model included, and 583 MB are free; ", close.Message);
        Assert.Null(close.Field);
    }

    [Fact]
    public void AModelIsToldWhichPrecisionWouldFit()
    {
        var half = NotEnoughMemoryException.ForModel("a.ckpt", 4L << 30, 3L << 30, Precision.Float16);
        Assert.Equal("a.ckpt needs 4.0 GB of memory for its weights and 3.0 GB are free; in fp16 it takes half and would fit.", half.Message);
        Assert.Equal((nameof(LoadOptions.Precision), (object)Precision.Float16), (half.Field, half.Fitting));
        Assert.EndsWith("See --precision fp16.", ExitCodes.Of(half).Sentence);
        Assert.Null(NotEnoughMemoryException.ForModel("a.ckpt", 4e9, 1e9, null).Field);
    }

    [Fact]
    public void WhatLibtorchSaysIsUnderstood()
    {
        Exception[] said =
        [
            new OutOfMemoryException(),
            new ExternalException("DefaultCPUAllocator: can't allocate memory: you tried ..."),
            new ExternalException("CUDA out of memory."),
        ];
        foreach (var e in said)
        {
            var told = NotEnoughMemoryException.Of(e)!;
            Assert.Same(e, told.InnerException);
            Assert.DoesNotContain("--", told.Message);
            Assert.Contains("--batch", ExitCodes.Of(e).Sentence);
            Assert.Same(told, NotEnoughMemoryException.Of(told));
        }
        Assert.Null(NotEnoughMemoryException.Of(new ExternalException("shapes differ")));
        Assert.Null(NotEnoughMemoryException.Of(new EaselException("The file says: out of memory.")));
    }
}
