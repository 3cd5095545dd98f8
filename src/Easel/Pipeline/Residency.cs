namespace Easel.Pipeline;

/// <summary>Which of a model's networks are in memory together.</summary>
internal enum Residency
{
    /// <summary>All, from loading to the end.</summary>
    Together,

    /// <summary>The text encoder goes when the prompt is read; a later prompt loads it again. The least for a model whose text encoder is large.</summary>
    TextGoes,

    /// <summary>The same, and the UNet goes while pictures become latents or latents pictures: decoding a large picture is what needs most.</summary>
    PixelsApart,

    /// <summary>Each is loaded when its turn comes and goes before the next.</summary>
    OneAtATime,

    /// <summary>The same, and of the UNet not even the whole is in memory: each layer reads its weight when it runs, at every step. For a model that is larger
    /// than the memory.</summary>
    Streamed,
}

/// <summary>What follows from a <see cref="Residency"/>.</summary>
internal static class Residencies
{
    extension(Residency residency)
    {
        /// <summary>Whether each network is let go before the next is loaded.</summary>
        public bool GoesByTurns => residency is Residency.OneAtATime or Residency.Streamed;

        /// <summary>Whether the networks of the steps are let go before the autoencoder works, and the model has to be read again for a further run.</summary>
        public bool LetsUNetGo => residency is Residency.PixelsApart || residency.GoesByTurns;
    }
}
