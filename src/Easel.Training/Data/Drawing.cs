namespace Easel.Training.Data;

/// <summary>What is known of one drawing of the data set, a line of the packed file's list.</summary>
internal sealed record Drawing
{
    public const int Side = 256; // the side of the stored pictures, in pixels

    public required string Concept { get; init; } // what it shows: the concept's code, or "ground" and the name of a ground
    public required int Rank { get; init; } // the place of the concept among all, 0 for the best known
    public required IReadOnlyList<string> Names { get; init; }

    /// <summary>Words that point to it and to hardly anything else, which a prompt may have in place of a name: "meow" for a cat.</summary>
    public IReadOnlyList<string> Keywords { get; init; } = [];

    public bool IsMass { get; init; } // whether the names take no article
    public bool CanMirror { get; init; } // whether its mirror image is the same thing
    public required string Source { get; init; } // the Id it is from
    public string? Style { get; init; } // what prompts call the style; null where it has no name
    public double Unasked { get; init; } // how often a caption may leave the style unsaid: who asks for no style means one of those that often have none
    public int[] Box { get; init; } = [0, 0, Side, Side]; // left, top, right and bottom of what is not transparent
    public string? Colour { get; init; } // the word for most of it; null where no one colour is most of it

    /// <summary>The ways of <see cref="Recolouring"/> after which another colour is most of it, with the word for that.</summary>
    public IReadOnlyDictionary<int, string> Recolours { get; init; } = new Dictionary<int, string>();

    public bool IsGround => Concept.StartsWith(Grounds.Mark, StringComparison.Ordinal);
}
