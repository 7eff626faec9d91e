using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.Tests.Requests;

/// <summary>Who gets in, and what all may hold together.</summary>
public sealed class AdmissionTests
{
    static Admission With(Action<FasterVlmServerOptions> configure)
    {
        FasterVlmServerOptions options = new();
        configure(options);
        return new Admission(Options.Create(options));
    }

    static void Busy(Action act) => Assert.Equal(429, Assert.Throws<ApiException>(act).Status);

    [Fact]
    public void H1_bodies_on_their_way_take_no_request_its_place()
    {
        Admission admission = With(static o => (o.MaxConcurrentRequests, o.MaxIncomingRequests) = (1, 3));
        using Admission.Place slow = admission.Enter(), slower = admission.Enter();
        Admission.Place request = admission.Enter();
        Busy(() => admission.Enter()); // a fourth body
        request.Arrived();
        Assert.Equal((2, 1), (admission.Incoming, admission.Requests));
        Busy(() => admission.Enter()); // not even begun: there is no place for it
        Busy(slow.Arrived);
        request.Dispose();
        request.Dispose();
        slow.Arrived();
        Assert.Equal((1, 1), (admission.Incoming, admission.Requests));
    }

    [Fact]
    public void H1_large_bodies_leave_room_that_small_ones_may_use()
    {
        const long Mega = Admission.Small;
        Admission admission = With(static o => (o.MaxBodyBytes, o.MaxBufferedBytes) = (2 * Mega, 8 * Mega));
        using Admission.Place a = admission.Enter(), b = admission.Enter(), c = admission.Enter(), d = admission.Enter();
        foreach (Admission.Place large in new[] { a, b, c })
        {
            large.Hold(Mega); // small until here
            large.Hold(Mega);
        }
        d.Hold(Mega);
        Busy(() => d.Hold(1)); // it would be large
        Assert.Equal(7 * Mega, admission.Bytes);
        using (Admission.Place small = admission.Enter())
        {
            small.Hold(Mega);
            using Admission.Place last = admission.Enter();
            Busy(() => last.Hold(1)); // now it is full
        }
        a.Dispose();
        d.Hold(1);
        Assert.Equal((5 * Mega) + 1, admission.Bytes);
        foreach (Admission.Place place in new[] { b, c, d }) place.Dispose();
        Assert.Equal((0L, 0, 0), (admission.Bytes, admission.Incoming, admission.Requests));
    }

    [Fact]
    public void One_body_of_the_largest_size_always_fits()
    {
        Admission admission = With(static o => (o.MaxBodyBytes, o.MaxBufferedBytes) = (20_000_000, 20_000_000));
        using Admission.Place place = admission.Enter();
        place.Hold(20_000_000);
        Busy(() => place.Hold(1));
    }

    [Fact]
    public void H1_a_body_has_thirty_seconds_and_what_its_bytes_have_earned()
    {
        FakeTimeProvider clock = new();
        using CancellationTokenSource life = new();
        using BodyDeadline deadline = new(TimeSpan.FromSeconds(30), clock, life.Token);
        clock.Advance(TimeSpan.FromSeconds(29));
        deadline.Received(2 * BodyDeadline.BytesPerSecond);
        clock.Advance(TimeSpan.FromSeconds(2.9));
        Assert.False(deadline.Token.IsCancellationRequested);
        clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.True(deadline.Token.IsCancellationRequested && deadline.Passed);

        using BodyDeadline left = new(TimeSpan.FromSeconds(30), clock, life.Token);
        life.Cancel(); // the client's going away is another matter
        Assert.True(left.Token.IsCancellationRequested && !left.Passed);
    }

    [Fact]
    public async Task Of_several_things_at_once_the_first_error_is_told_and_the_others_end()
    {
        TaskCompletionSource ended = new();
        InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(() => SideBySide.RunAsync(3, async (i, token) =>
        {
            if (i == 1) throw new InvalidOperationException("the cause");
            try
            {
                await Task.Delay(Timeout.Infinite, token);
            }
            finally
            {
                if (i == 2) ended.SetResult();
            }
        }, TestContext.Current.CancellationToken));
        Assert.Equal("the cause", error.Message);
        Assert.True(ended.Task.IsCompleted);
    }
}
