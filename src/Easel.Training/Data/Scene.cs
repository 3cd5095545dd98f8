namespace Easel.Training.Data;

/// <summary>A drawing laid into a scene.</summary>
/// <param name="Drawing">Its number in the packed file.</param>
/// <param name="Left">Left edge of its square, in pixels of the scene.</param>
/// <param name="Top">Top edge of its square.</param>
/// <param name="Size">Side of its square.</param>
/// <param name="Mirrored">Whether left and right are exchanged.</param>
/// <param name="Recolour">Which way of <see cref="Recolouring"/>.</param>
internal readonly record struct Laid(int Drawing, int Left, int Top, int Size, bool Mirrored, int Recolour);

/// <summary>A picture to train on, as a plan: a plain ground, what lies on it in order, and what it is called.</summary>
internal sealed record Scene((byte Red, byte Green, byte Blue) Ground, IReadOnlyList<Laid> Things, string Caption)
{
    public const int Side = 256; // the side of a scene, in pixels
    public const int MostThings = 5; // a ground and four others
    public const int Numbers = 3 + MostThings * 6; // in which its plan is stored

    /// <summary>Writes the plan as numbers: the ground's colour, then six for each thing; a size of 0 ends it.</summary>
    public void Write(Span<short> numbers)
    {
        numbers.Clear();
        (numbers[0], numbers[1], numbers[2]) = (Ground.Red, Ground.Green, Ground.Blue);
        for (var i = 0; i < Things.Count; i++)
        {
            var thing = Things[i];
            var at = numbers[(3 + 6 * i)..];
            (at[0], at[1], at[2], at[3]) = ((short)thing.Drawing, (short)thing.Left, (short)thing.Top, (short)thing.Size);
            (at[4], at[5]) = ((short)(thing.Mirrored ? 1 : 0), (short)thing.Recolour);
        }
    }

    public static Scene Read(ReadOnlySpan<short> numbers, string caption)
    {
        var things = new List<Laid>();
        for (var i = 0; i < MostThings && numbers[3 + 6 * i + 3] > 0; i++)
        {
            var at = numbers[(3 + 6 * i)..];
            things.Add(new Laid(at[0], at[1], at[2], at[3], at[4] != 0, at[5]));
        }
        return new(((byte)numbers[0], (byte)numbers[1], (byte)numbers[2]), things, caption);
    }
}
