using Easel.Kernels;

namespace Easel.Models;

/// <summary>A 3x3 convolution of a picture enlarged to twice its size by repeating each pixel. Of the nine pixels under the kernel only four differ, so a
/// packed layer never makes the enlarged picture: each of the four kinds of output pixel (even or odd row, even or odd column) is a 2x2 convolution of the
/// small picture with sums of the nine weights, and the four results are laid into each other. That is 4/9 of the multiplications.</summary>
internal sealed class DoubledConv2d : Layer
{
    private PackedConvolution[]? _packed; // [row parity * 2 + column parity]
    private Parameter weight; // [channels, channels, 3, 3]
    private Parameter bias;

    public DoubledConv2d(long channels) : base(nameof(DoubledConv2d))
    {
        weight = Shaped(channels, channels, 3, 3);
        bias = Shaped(channels);
        RegisterComponents();
    }

    /// <summary>Whether beyond an edge lies the opposite edge and not nothing, so that pictures tile.</summary>
    internal bool Wraps { get; set; }

    private protected override Parameter? Restable => weight;

    private protected override Parameter? Added => bias;

    public override Tensor forward(Tensor x) => Forward(x, 2 * x.shape[2], 2 * x.shape[3]);

    /// <summary>Enlarges to a size that is the double or one less (a side that was odd before it was halved), and convolves.</summary>
    public Tensor Forward(Tensor x, long height, long width)
    {
        using var scope = NewDisposeScope();
        if (Wraps)
        {
            // A pixel of the opposite edges all round, and what became of it cut off again.
            var wrapped = x.Wrapped(1);
            return Zeroed(wrapped, 2 * wrapped.shape[2], 2 * wrapped.shape[3])[.., .., 2..(int)(2 + height), 2..(int)(2 + width)]
                .ChannelsLast().MoveToOuterDisposeScope();
        }
        return Zeroed(x, height, width).MoveToOuterDisposeScope();
    }

    private Tensor Zeroed(Tensor x, long height, long width)
    {
        if (InParts(along: 1, () => Zeroed(x, height, width)) is { } joined) return joined;
        using var held = Hold();
        using var scope = NewDisposeScope();
        if (_packed is not null) return Packed(x, height, width).MoveToOuterDisposeScope();
        var enlarged = functional.interpolate(x, [height, width], mode: InterpolationMode.Nearest);
        WorkCounter.Current?.Hold(enlarged);
        var made = WorkCounter.Convolution(enlarged, weight, stride: 1, padding: 1)
            ?? functional.conv2d(enlarged, As(weight, x)!, As(Addend, x), [1, 1], [1, 1]);
        WorkCounter.Current?.Release(enlarged);
        return made.MoveToOuterDisposeScope();
    }

    private Tensor Packed(Tensor x, long height, long width)
    {
        var (n, c, h, w) = (x.shape[0], Outputs, x.shape[2], x.shape[3]);
        var result = empty([n, h, 2, w, 2, c], x.dtype);
        for (var row = 0; row < 2; row++)
        {
            for (var column = 0; column < 2; column++)
            {
                // Padding by one all round gives a row and a column too many: of an even row the last is superfluous, of an odd row the first.
                using var part = Part(x, row, column, Addend);
                result.select(4, column).select(2, row).copy_(part[.., .., row..(row + (int)h), column..(column + (int)w)].permute(0, 2, 3, 1));
            }
        }
        var picture = result.view(n, 2 * h, 2 * w, c).permute(0, 3, 1, 2);
        if (height == 2 * h && width == 2 * w) return picture;

        // Beyond the edge of an odd side lies nothing, and not the repeated pixel: what that one added through the kernel's last row or column is taken off
        // again.
        var (cutsRow, cutsColumn) = (height < 2 * h, width < 2 * w);
        if (cutsRow) picture[.., .., (int)height - 1, ..].sub_(Interleaved(x[.., .., ((int)h - 1).., ..], row: 1, column: null)[.., .., 0, ..]);
        if (cutsColumn) picture[.., .., .., (int)width - 1].sub_(Interleaved(x[.., .., .., ((int)w - 1)..], row: null, column: 1)[.., .., .., 0]);
        if (cutsRow && cutsColumn) picture[.., .., (int)height - 1, (int)width - 1].add_(Part(x[.., .., ((int)h - 1).., ((int)w - 1)..].ChannelsLast(), 1, 1,
            null)[.., .., 0, 0]);
        return picture[.., .., ..(int)height, ..(int)width].ChannelsLast();
    }

    /// <summary>The parts of one parity of row (or of column), even and odd columns (or rows) laid into each other along the edge; without the bias.</summary>
    private Tensor Interleaved(Tensor edge, int? row, int? column)
    {
        edge = edge.ChannelsLast();
        var along = row is null ? 2 : 3;
        var length = edge.shape[along];
        var parts = Enumerable.Range(0, 2).Select(parity => Part(edge, row ?? parity, column ?? parity, null).narrow(along, parity, length)).ToList();
        return stack(parts, along + 1).flatten(along, along + 1);
    }

    private Tensor Part(Tensor x, int row, int column, Tensor? addend) => _packed![2 * row + column].Apply(x, addend);

    private protected override void Adopt(string name, Parameter value) => _ = name == nameof(weight) ? weight = value : bias = value;

    private protected override bool CanPack => true;

    private protected override void Pack(IWeightRows rows)
    {
        Unpack();
        using var read = rows;
        using var scope = NewDisposeScope();
        var value = TensorRows.Read(rows);
        _packed = [.. from row in Enumerable.Range(0, 2) from column in Enumerable.Range(0, 2) select PackPart(value, row, column)];

        static PackedConvolution PackPart(Tensor value, int row, int column)
        {
            using var scope = NewDisposeScope();
            var merged = Merge(Merge(value.to(ScalarType.Float32), 2, row), 3, column).to(value.dtype).ChannelsLast();
            return new PackedConvolution(merged, padding: 1, stride: 1);
        }

        // An even pixel's kernel sees its left neighbour once and itself twice, an odd one's itself twice and its right neighbour once.
        static Tensor Merge(Tensor kernel, int along, int parity)
        {
            var (first, second, third) = (kernel.narrow(along, 0, 1), kernel.narrow(along, 1, 1), kernel.narrow(along, 2, 1));
            return parity == 0 ? cat([first, second + third], along) : cat([first + second, third], along);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) Unpack();
        base.Dispose(disposing);
    }

    private protected override void Unpack()
    {
        foreach (var part in _packed ?? []) part.Dispose();
        _packed = null;
    }
}
