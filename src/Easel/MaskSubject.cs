namespace Easel;

/// <summary>What of a picture is drawn anew where nobody painted a mask.</summary>
public enum MaskSubject
{
    /// <summary>What a mask says; all of it without one.</summary>
    None,

    /// <summary>The people in it.</summary>
    Person,

    /// <summary>All but the people in it.</summary>
    Background,
}
